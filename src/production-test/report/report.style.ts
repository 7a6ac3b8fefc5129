/** All colours have a contrast of at least 4.5 to 1 to their background, in light and dark mode (WCAG 2.2, 1.4.3). */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1a1d21; --faint: #555e68; --line: #d5dae0; --card: #f6f8fa;
  --pass: #1a6b34; --warn: #7a4d00; --fail: #b3161b; --skip: #555e68; --accent: #0b57d0; }
@media screen and (prefers-color-scheme: dark) { :root { --ground: #14171a; --text: #e8eaed; --faint: #a8b0b9; --line: #3a4149;
  --card: #1d2125; --pass: #6fd28c; --warn: #f2b84b; --fail: #ff8a80; --skip: #a8b0b9; --accent: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem; max-width: 62rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; } h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
.hint, .reference, .of, .name { color: var(--faint); font-size: .875rem; }
.skip-link { position: absolute; left: -100rem; } .skip-link:focus { position: static; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; } form .hint { flex-basis: 100%; margin: 0; }
input[type=password] { flex: 1 1 14rem; padding: .5rem; border: 1px solid var(--faint); border-radius: .3rem;
  background: var(--ground); color: var(--text); font: inherit; }
button { padding: .45rem .9rem; border: 1px solid var(--accent); border-radius: .3rem; background: var(--ground);
  color: var(--accent); font: inherit; cursor: pointer; }
button[disabled] { opacity: .6; cursor: progress; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
progress { width: 100%; height: .8rem; accent-color: var(--accent); }
.score { font-size: 2.6rem; font-weight: 700; margin: .5rem 0 0; }
#counts { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; padding: 0; list-style: none; }
fieldset { margin: 0; border: 1px solid var(--line); border-radius: .3rem; } fieldset label { margin-right: 1rem; }
details { border: 1px solid var(--line); border-left: .35rem solid var(--mark); border-radius: .3rem; margin: .35rem 0;
  background: var(--card); }
summary { padding: .45rem .75rem; cursor: pointer; } .body { padding: 0 .75rem .5rem; }
.body p { margin: .35rem 0; } .body ul { margin: .35rem 0; padding-left: 1.2rem; overflow-wrap: anywhere; }
.problem { color: var(--fail); font-weight: 600; } h2 .of { font-weight: 400; } td button { padding: .1rem .4rem; }
.status { font-weight: 600; color: var(--mark); margin-right: .5rem; }
.pass { --mark: var(--pass); } .warn { --mark: var(--warn); } .fail { --mark: var(--fail); } .skip { --mark: var(--skip); }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid var(--line); }
@media print { :root { color-scheme: light; } form, .exports, #filter, .skip-link, progress { display: none; }
  h2 { break-after: avoid; } td button { border: 0; padding: 0; color: inherit; } details { break-inside: avoid; }
  body { max-width: none; } }
`;
