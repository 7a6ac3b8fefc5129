import { PAGE_SCRIPT } from './report.script.js';
import { PAGE_STYLE } from './report.style.js';

/** Renders the report page as one file. It loads nothing except the results. */
export function reportPage(nonce: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Production self-test</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${PAGE_STYLE}</style>
</head>
<body>
<a class="skip-link" href="#results">To the results</a>
<header>
<h1>Production self-test</h1>
<p>Tests the protections of this application through its own listener, and removes its test data afterwards.</p>
<form id="start">
<label for="token">Access token</label>
<input id="token" type="password" autocomplete="off" spellcheck="false" aria-describedby="token-help">
<button type="submit" id="run">Run all checks</button>
<p id="token-help" class="hint">The token is stored only in this page. In production it must be the token of an administrator.</p>
</form>
</header>
<main>
<p id="status" role="status" aria-live="polite"></p>
<progress id="progress" value="0" max="1" aria-label="Checks done" hidden></progress>
<section id="summary" aria-label="Summary" hidden>
<p class="score"><span id="score"></span><span class="of"> of 100</span></p>
<ul id="counts"></ul>
<p class="exports">Save as
<button type="button" data-format="json">JSON</button>
<button type="button" data-format="junit">JUnit XML</button>
<button type="button" data-format="sarif">SARIF</button>
</p>
<fieldset id="filter"><legend>Show</legend>
<label><input type="checkbox" value="fail" checked> failed</label>
<label><input type="checkbox" value="warn" checked> warned</label>
<label><input type="checkbox" value="pass" checked> passed</label>
<label><input type="checkbox" value="skip" checked> skipped</label>
</fieldset>
</section>
<section id="results" aria-label="Results" tabindex="-1"></section>
<section id="history" hidden><h2>Last runs<span id="whose"></span></h2>
<table><thead><tr><th scope="col">Started</th><th scope="col">Score</th><th scope="col">Failed</th><th scope="col">Warned</th><th scope="col">Passed</th><th scope="col">Took</th></tr></thead><tbody></tbody></table>
</section>
</main>
<script nonce="${nonce}">${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
