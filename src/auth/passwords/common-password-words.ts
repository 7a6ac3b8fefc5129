/**
 * The words in the most common passwords, in lower case. The source is the list darkweb2017-top10000 of SecLists
 * (https://github.com/danielmiessler/SecLists, MIT licence, Copyright (c) 2018 Daniel Miessler). Similar names of clubs,
 * bands and places were added. Short and rude words are here because they are in the source.
 */

/** Words that are used alone or with a common ending. */
export const COMMON_WORDS = `
  password passwort passw0rd p@ssword p@ssw0rd pa55word pa55w0rd pa$$word pass1word p4ssw0rd p455w0rd pazzword
  password. passwords passpass password0 wordpass mypassword newpassword newpass nopassword nopass temppass
  temppassword testpass pasword passwd contraseña contrasena motdepasse wachtwoord parola senha haslo drowssap
  lozinka salasana kennwort geheim hemmelig losenord welkom welcome letmein admin administrator administrateur root
  toor user guest default master changeme temp test tester testing testtest system server manager support service
  operator computer internet windows microsoft google facebook linkedin linked myspace yahoo hotmail twitter
  instagram youtube snapchat whatsapp skype amazon apple samsung nokia motorola sony sonyericsson ericsson siemens
  panasonic philips toshiba compaq lenovo dell hewlett packard logitech lexmark canon epson gateway emachines
  presario pavilion viewsonic trustno access login logon secret topsecret private security secure account online
  network networking website webmaster iloveyou iloveu iloveme ilovehim iloveher ilovemom ilovemymom ilovegod
  ilovejesus ilovemusic ilovesex ilovechris ilovemyself ilovepussy iluvu iluvme loveyou loveme lovely lovelove
  lovelife lover lovers loverboy lovergirl loving lovingyou loveless lovehurts lovesucks lovehate lovestory
  loveislife loveis lovebug love4ever love4life love4you love4me loveu mylove my1love truelove onelove babylove 1love
  1loveyou 1iloveyou il0veyou iloveyouu iheartyou imissyou missyou kissme kisses kisskiss sweetheart sweetie sweety
  sweetpea sweetness sweet sweets honey honeybee darling beautiful gorgeous handsome pretty prettygirl prettyboy
  cutie cutiepie cutegirl cute hottie hotstuff hotgirl hotboy hotmama hotpink sexy sexygirl sexyboy sexylady sexymama
  sexybitch sexybeast sexyback sexyman sexylove sexyme babygirl babyboy babygurl babyblue babycakes babydoll babyface
  babyphat babyboo babybaby baby boobear booboo boo babe bebe mybaby honeymoon angel angels angelbaby angelito
  angelita princess princesa princesita princesse principe principessa prince queen king daddysgirl daddy mommy
  momdad mother father brother sister family familia famille friend friends friendship friendster bestfriend
  girlfriend boyfriend sisters children 3children 2children 4children football baseball basketball basketbal soccer
  softball volleyball hockey tennis golf golfer lacrosse wrestling swimming swimmer skateboard skater skate skating
  surfing surfer snowboard bowling boxing boxer fishing hunting hunter racing racecar cheer cheerleader gymnast
  gymnastics dance dancer dancing karate taekwondo badminton cricket rugby handball motocross sports champion
  champions liverpool liverp00l arsenal chelsea chelseafc manutd manunited manchester mancity tottenham everton
  westham newcastle barcelona realmadrid madrid juventus acmilan forzamilan forzainter forzaroma asroma inter milano
  napoli benfica sporting celtic rangers ajax borussia dortmund schalke galatasaray fenerbahce besiktas marseille
  astonvilla sunderland millwall barca messi ronaldo ronaldinho cristiano zidane beckham rooney lampard gerrard
  maradona kobebryant lebron jordan iverson kobe lakers celtics bulls knicks yankees redsox mets cubs cowboys
  steelers raiders packers eagles broncos patriots dolphins falcons chargers redskins bengals ravens vikings saints
  giants titans panthers buckeyes longhorns gators wildcats bulldogs tarheels rolltide sooners huskers badgers
  warriors spurs heat pistons rockets mustangs lions tigers braves dodgers phillies monkey monkeys dragon dragons
  tiger lion eagle wolf wolves wolfman wolfgang bear bears panda panther shark sharks dolphin whale horse horses pony
  kitty kittycat kittykat kitten kittens cat cats catfish catdog dog doggy doggie dogs dogdog puppy puppies puppylove
  bulldog pitbull poodle beagle doberman chicken chickens rooster duck ducky turkey penguin penguins parrot falcon
  hawk seagull sparrow bluebird blackbird blackbirds firebird phoenix unicorn rabbit bunny bunnies hamster ferret
  turtle tortoise snake snakes lizard frog frogger goldfish lobster crab shrimp spider spiderman scorpion butterfly
  dragonfly firefly ladybug bee bumblebee mongoose gorilla elephant elefante giraffe zebra camel kangaroo koala
  buffalo beaver badger bronco mustang stallion squirrel moose raccoon possum cougar cheetah leopard jaguar puma
  wildcat bobcat tigger eeyore piglet pooh winnie poohbear teddy teddybear teddybears snoopy garfield mickey
  mickeymouse minnie minniemouse donald goofy pluto bambi simba nemo dumbo scooby scoobydoo shaggy bugsbunny tweety
  tweetybird sylvester popeye spongebob patrick pokemon pikachu charizard naruto sasuke sakura kakashi itachi bleach
  inuyasha goku vegeta gohan dragonball dragonballz sailormoon hellokitty mario luigi zelda sonic yoshi megaman
  pacman superman batman wolverine ironman hulk catwoman supergirl superstar superfly supernova starwars startrek
  stargate skywalker darthvader yoda jedi chewbacca matrix neo morpheus trinity harrypotter harry hermione hogwarts
  gandalf frodo legolas aragorn lordoftherings terminator predator alien aliens godzilla kingkong dracula vampire
  vampires werewolf zombie twilight edward bella jacob cullen jamesbond bond007 agent007 sherlock rocky rambo
  scarface godfather goodfellas gladiator braveheart titanic avatar transformers optimus transformer simpsons simpson
  homer bart cartman southpark familyguy futurama lost heroes smallville buffy charmed simpleplan greenday linkinpark
  metallica slipknot nirvana ironmaiden megadeth slayer pantera korn disturbed systemofadown evanescence paramore
  rammstein acdc ledzeppelin zeppelin pinkfloyd beatles rollingstones genesis depeche coldplay radiohead muse oasis
  placebo tokiohotel eminem slimshady tupac 2pac biggie 50cent gunit lilwayne jayz snoopdog nelly usher beyonce
  rihanna shakira madonna britney michaeljackson ladygaga justinbieber justinbieb jonasbrothers nickjonas joejonas
  mileycyrus hannahmontana selenagomez zacefron chrisbrown bobmarley rastafari rastaman jahlove reggae hiphop rapper
  rocknroll rockstar rocker rock punkrock heavymetal metal music musica musicman guitar guitarra guitarist drummer
  piano violin trumpet trombone saxophone clarinet sunshine moonlight moon starlight star stars stargazer rainbow
  rainbows sunset sunrise summer summertime winter spring autumn flower flowers sunflower rose rosebud daisy lavender
  violet tulip lily jasmine orchid cherry cherries apples applepie banana bananas orange oranges lemon lemons
  lemonade strawberry blueberry raspberry blackberry watermelon pineapple coconut peach peaches mango grapes tomato
  potato pumpkin carrot pepper peppers ginger cinnamon sugar candy candycane candygirl candyman chocolate chocolat
  vanilla caramel cookie cookies cookiemonster cupcake cupcakes pancake pancakes cheesecake cheese butter buttercup
  peanut peanuts bubblegum lollipop lollypop icecream jellybean jelly pizza burger burrito taco tacobell popcorn
  noodle noodles sausage bacon muffin biscuit pickle pickles sprite pepsi cocacola coffee water whiskey whisky vodka
  beer budweiser budlight heineken corona guinness tequila champagne martini marlboro marijuana weed420 420weed
  pothead cannabis red blue green yellow purple pink black white silver golden gold brown redhead blondie blonde
  brownie blackie whitney bluesky blueeyes bluemoon bluefish redrose redrum redbull reddog redneck redwings greenbay
  blackjack blackcat blackdog blackman blackrose blackops whiteboy pinkie purplerain diamond diamonds crystal emerald
  sapphire ruby pearl platinum michael jennifer jessica ashley amanda joshua matthew andrew daniel david james john
  robert joseph thomas charles christopher christophe christian christina christine christy steven stephen stephanie
  kevin brian brandon brandi brandy justin jason jonathan anthony antonio nicholas nicolas nicole nathan nathaniel
  nathalie natalie natasha natalia samantha samuel sarah sara sandra sabrina rachel rebecca richard ryan patricia
  pamela peter philip phillip philippe paul pauline paula oliver olivia oscar melissa michelle melanie megan mary
  maria marie mariana marina martin martina marcus marco mark margaret margarita maggie madison mackenzie lauren
  laura lawrence leonard leonardo lindsey lindsay linda lisa louise lucas luis kimberly katherine kathryn kathleen
  katie kayla karen kelly kelsey kenneth julia julie julian juliana justine jackson jack jake jackie jamie jane
  janice jasmin jeffrey jeremy jerome jerry jesse jessie joanna joanne joel johnny johnson jose juan isabella
  isabelle isabel ian henry heather helen hannah haley hailey gregory george gerald geoffrey gabriel gabriela
  gabrielle francis frances francesco francesca francisco frank franklin frederick frederic fernando fernanda felix
  erica erik eric emily emma elizabeth eleanor elaine elena eduardo eddie dylan douglas dorothy dominic dominique
  diana diane derek derrick dennis denise denis debbie deborah danielle daniela danny courtney connor corey claudia
  claire chloe charlotte charlie charlene catherine cassandra cassie casey carolina caroline carolyn carlos carmen
  cameron camille caitlin kaitlyn katelyn bryan brooke brooklyn brittany brittney brianna bradley bradford bonnie
  bobby billy billie bethany bernard benjamin beatriz barbara bailey austin audrey arthur annie anna anne angela
  angelica angelina angelo angie andrea andreas andre amy amber alyssa allison alison alicia alice alexis alexandra
  alexandre alexander alexandria alex albert alberto alejandro alejandra alan adrian adriana adam abigail aaron
  abraham alfredo alfred alexia alisha arnold vanessa valerie valeria valentina valentino valentine veronica
  veronique victoria victor vincent vincenzo virginia vladimir vladislav viktoria violetta walter wesley william
  williams willie wilson winston xavier yolanda yvonne zachary zoey101 tyler travis trevor tristan tiffany timothy
  theresa teresa tatiana tanner tamara taylor sylvia svetlana susanna susan stella stefania stefano stanley spencer
  sophie sophia sofia simon simone silvia sierra shirley sherman shelby shawn shannon sharon shane sergio sergey
  serena serenity sebastian sebastien scott savannah santiago salvatore salvador russell ruslan ronald roberto
  roberta ricardo riccardo rodrigo rodriguez rosemary rosario roxanne ramirez randy raymond rafael raphael quentin
  preston priscilla precious phoebe penelope peyton payton paloma pakistan india monica monique miranda miriam
  mitchell miguel miguelito michal michele michela meredith melinda melody maxwell maxime maximus maximilian mauricio
  maurizio maurice mathilde mathieu matthias matthieu matteo mattia marvin martha martinez marshall marley marlene
  marissa marisol mariposa marilyn marianne maryjane mariah margherita marcel marcella marcello manuela manuel
  malcolm makayla magdalena madeline madeleine lucille luciana lorenzo lorraine lorena liliana leticia leslie larissa
  laetitia kristina kristine kristen kristin kirsten katarina karolina karina juliette julien julius juanita
  josephine joaquin jocelyn jillian jermaine jeremiah jeanette jazmine isaiah ignacio harrison hernandez herbert
  harvey guillermo guillaume gustavo guadalupe gonzalo gonzalez giuseppe giovanni giovanna giorgio giancarlo gianluca
  geraldine gerardo garrett garcia florence florian filippo filomena fernandez felicia federico federica fabrizio
  fabiola fabienne ezequiel esteban estefania esmeralda enrique emmanuel emiliano elijah edwardo dominika domenico
  desmond desiree damian damien cynthia cristina cristian constantine colleen clifford clement christelle catalina
  catherin caterina cassidy carmelo brigitte bridget brendan beverly bertrand bernadette benedict beatrice bautista
  barnaby augustin armando aragon antoinette antonia antonella antoine annabelle angelique anastasia anastasiya
  amelia alonso alessio alessia alessandro alessandra alejandr aleksandr aleksandra aleksey agnieszka abdullah
  abhishek mohammed mohamed mohammad muhammad mustafa ibrahim hassan hussain ahmed fatima ayesha khadija rakesh
  rajesh suresh mahesh ganesh ganesha krishna lakshmi priyanka sandeep sanjay santosh srinivas sairam saibaba
  omsairam jaihanuman hanuman bismillah allah786 allah1 anhyeuem deutschland österreich jesus jesuschrist jesuschris
  jesusis1 jesusislord jesussaves jesusfreak jesucristo christ godisgood godisgreat godislove godbless goodness
  god123 lovegod blessed blessing blessings faith faithful grace heaven holyspirit church prayer praise praisegod
  salvation savior bible psalm23 lucifer satan666 devil666 demon666 hell666 death666 darkness darkangel darkside
  darkstar nightmare shadow shadows reaper freedom forever forever21 destiny dreams dreamer dream happy happiness
  happyday happydays smile smiles smiley lucky lucky7 lucky13 lucky777 magic miracle mystery fantasy paradise hope
  believe peace peaceout peacelove liberty libertad justice victory legend hero winner success power powers energy
  strength strong warrior ninja samurai pirate pirates soldier marine marines army navy airforce airborne police
  sheriff fireman firefighter doctor nurse nursing teacher student school college university engineer lawyer driver
  pilot captain general president american america usa123 england english britain london paris france french germany
  german berlin hamburg munich italia italiano italian spain spanish españa portugal brasil brazil mexico mexican
  canada canadian australia sydney africa nigeria indian indonesia jakarta malaysia singapore thailand vietnam china
  chinese hongkong shanghai taiwan japan tokyo korea russia moscow moskva ukraine polska poland warszawa romania
  bulgaria hungary budapest greece istanbul turkiye ankara israel egypt morocco algerie tunisie iran iraq karachi
  lahore bangladesh colombia venezuela argentina chile peru ecuador bolivia paraguay uruguay honduras guatemala
  elsalvador nicaragua costarica panama jamaica puertorico boricua dominican dominicana hawaii hawaii50 california
  florida texas newyork chicago boston dallas houston detroit atlanta denver seattle portland oakland sandiego
  sanfrancisco losangeles lasvegas hollywood miami orlando tampa cleveland oklahoma alabama alaska arizona tennessee
  kentucky indiana illinois michigan minnesota mississippi missouri montana nebraska georgia maryland washington
  colorado montreal toronto vancouver birmingham glasgow scotland ireland irish dublin wales brighton bristol
  cambridge oxford plymouth amsterdam holland rotterdam brussels sweden swedish norway denmark finland suomi
  switzerland ferrari porsche porsche911 mercedes mersedes lamborghini maserati bugatti corvette camaro chevrolet
  chevy chevelle cadillac pontiac dodge challenger charger viper ford fordf150 toyota honda hondacivic nissan mazda
  subaru mitsubishi hyundai volkswagen audi bmw123 bmwm3 alfaromeo lancer peugeot renault citroen opelastra volvo
  saab landrover jeep hummer yamaha kawasaki suzuki ducati harley harleydavidson triumph gsxr1000 cbr600rr turbo
  speedy speed racer nascar dalejr88 jeffgordon gordon24 rossi46 buddy buster max123 molly sadie sammy oreo patches
  smokey tinkerbell tinker snickers boomer bandit missy misty casper cooper jasper toby tucker murphy riley sasha
  roxy zeus apollo hercules athena pandora aurora venus jupiter mercury neptune saturn galaxy universe cosmos
  infinity eternity harmony symphony qwerty asshole bitch bitches bullshit fuckyou fuckoff fuckme fucker fuckit
  fucking fuckthis fuckface fuckfuck fucklove fucku fuck123 motherfucker motherfuck dumbass dickhead bigdick suckit
  suckmydick shithead shitface whatever nothing nobody nevermind something anything everything someone somebody
  forget forgot iforgot remember dontforget idontknow dontknow ihateyou ihateu killer killme killbill loser losers
  stupid idiot moron retard hateme pussy pussycat vagina penis boobies boobs blowjob blowme sexsex sexsexsex pornstar
  playboy playgirl player gangster gangsta thuglife thug4life pimpin pimping pimpdaddy hustler hustle baller balling
  ballin moneymaker moneyman money cashmoney getmoney bigmoney millionaire million yourmom yomama yomomma smelly
  poopie poopoo pooper poophead shutup biteme eatshit kissmyass kickass badass badboy badgirl bigboy bigman bigdog
  bigdaddy bigfoot bighead bigpimpin abracadabra abrakadabra aerosmith akatsuki alcatraz alexandru alladin79 allstar
  amazing amadeus amoremio amorcito andromeda angelika anaconda antares aquarius aardvark armageddon armagedon
  arschloch artemis assassin asterix atlantis attitude babylon babylon5 bacchus backspace bangbang barbados barbie
  baskett batista battlefield beaches beethoven bermuda bigbird bigboss bigtits billabong billybob bingo123 birdie123
  birthday blablabla blahblah blizzard blueblue blossom bollocks bombers bonjovi bonjour bookworm bookmark boomboom
  bordeaux bubble bubbles budgie bunghole business butthead butthole buttons buttmunch caballo calimero callofduty
  cambiami camelot cameltoe capricorn carebear caramelo cardinal cardinals carpediem cartoon casablanca casanova
  castillo catarina cavalier cellphone celeron chandler changes chemistry chemical cherokee chester chichi123 chipper
  chivas chivas10 chopper chouchou chouette christmas chronic ciaociao cinderella classic classof08 classof09
  classof10 claudio cleopatra clinton1 clover123 cloud9 cocorico collins coltrane columbia commando communist compton
  concrete connect conquest converse cool123 cooldude coolgirl coolguy coolman coolcool cool1234 copenhagen corazon
  cordelia counter counterstrike courage cowboy cowgirl cracker creative crimson cristal crusader crazy123 cruzazul
  cuddles daffodil dakota danger dangerous darklord darkman daughter daydream daytona deadman death123 december
  defender deftones delfines delirium delpiero demon123 desperado diamante diablo digital dilbert dimples dinosaur
  diosesamor director dirtbike discovery disney disneyland doctorwho dogcat dogfood dollars domino donkey doodle
  doomsday doraemon download downtown dragoon dreamcast dreaming drpepper dynamite earthquake easter1 eclipse
  education eldorado electric electra electronics element elements eleven11 enigma enterprise estrella estrellita
  evolution excalibur exigent explorer express extreme fabulous falcon16 farfalla february felicidad felicidade
  ferdinand fighter finalfantasy firefox fireball firestorm fishbone fisherman flamingo flanders flexible flipflop
  flipper fluffy flyboy flyers footloose forest formula1 fortune forklift fountain foxtrot freckles freebird freeman
  freestyle freeway friday13 frosty fucker69 funnyman fussball futbol future gambit gameboy gamecube gamers geronimo
  ghost123 ghostrider giggles gizmo123 gladys glitter gnomes godsmack goddess goldberg goldeneye goldie golfball
  golfing gonzales goodboy goodbye goodgirl goodlife goodluck goodtimes gooseman gotohell graduate grandma grandpa
  granite greatone greenman gregor grizzly guardian guesswho gunners gustav hacker hahaha haha1234 hahahaha halflife
  halloween hallo hamburger hammer hammers hannibal happy2 hardcore hardrock harvard hawaiian hawkeye hayabusa
  headache heartbreak heartless hedgehog hellfire hellhole hello hellohello hellothere helloworld hellboy helpme
  helpdesk hendrix hesoyam history holiday hollister homework homeboy honolulu hooligan hooters horizon horsemen
  hospital hotdog hotrod hotshot hotties howdy123 hurricane icehouse icecube icequeen illusion imagine immortal
  imperial impala incorrect incubus indigo inferno infiniti insane insomnia integra international invincible
  invisible iphone ilikepie imcool1 iamcool iamthebest iamnumber1 jackass jackjack jackson5 january jayhawks
  jellyfish jerusalem johncena johndeere johnjohn jokers joker journey juggalo jumpman23 june1234 jungle junior
  junebug jurassic justdoit justforfun just4fun just4me justme kamikaze kamasutra karamba katana keyboard kickflip
  kikiki kimkim kingdom kingfisher kingking kingston knight knights knockout kokakola komputer kristal labrador
  labtec ladybird lalalala lalaland landmark laptop leavemealone legacy lesbian library lifeguard lifeisgood
  lifesucks lighthouse lightning limewire lineage2 lionheart lionking liquid littleman littlegirl loading lollol
  lololol lollies lonewolf lonely longhorn lookatme looking lostsoul luckydog luckyone ludacris lunatic macbook
  madness madmax magician magnolia magnum mahalkita mahalko maganda mandarin manchester2 maniac marathon marketing
  mastermind masterkey matador matematica maverick mayflower mazdarx7 meatball mechanic mechanical medicine medicina
  megapass mermaid messenger metallic meteor metropolis microlab midnight milkshake millenium millennium minecraft
  minerva mississipp mobile monalisa monamour moncoeur mongolia monitor monkeybutt monkeyman monopoly monster
  montecarlo montecristo moocow moomoo moonbeam moonstone morgan mosquito mountain mudvayne munchkin murcielago
  muffins muppet mushroom mustang69 myfamily mygirls mykids my2kids my3kids my3sons myname mynameis myself namaste
  napoleon nascar24 nasty123 national naughty navigator netscape nevergiveup neveragain nicotine nightwish nintendo
  nintendo64 nopasaran northside notebook november number1 numberone oblivion obsidian october offspring ohiostate
  oldschool olympics omega123 onepiece opensesame operation optimist orgasm oriental original orion123 outlaw
  outsider overkill overlord painter paintball palomino papillon paradox paramedic parasite parker patience patriot
  pearljam peekaboo pegasus pencil pendragon pentium people perfect personal peterpan phantom pharmacy philadelphia
  photoshop piccolo pinetree pingpong pinky123 pioneer plastic playstation playstatio pleasure please pogiako poison
  pokerface polaris politics polkadot polopolo popopopo porcodio porkchop poseidon positive postal powerful precious2
  prelude primavera printer privacy prodigy producer professional professor profile progress promise prophecy
  prospect prototype providence psycho punisher punkin puppydog quality quantum quattro qwertz123 ragnarok raider
  railroad rainbow6 raining ramones rampage ranger rapunzel rascal reading rebelde rebound1 recovery redalert redhot
  redline redlight regina regional register relax123 remington renegade research resident respect restart revenge
  revolution revolver roadking roadrunner rocket rockon romance romantic rootbeer roulette route66 runaway runescape
  runner running saturday sampson samson sandman santana satellite savage scarlet scarlett schatzi science scorpio
  scrabble scrappy seagate semperfi senior september seventeen shaman shamrock shanti sharingan sheffield shitty
  shooter shopping shorty shotgun showtime sideways silence silverado single sinister siouxsie skeeter skinhead
  skippy skittles skyhawk skyline slayer666 slipknot6 slipknot66 smackdown smokie smokeweed smooth sniper snowball
  snowflake snowman snuggles software solution somewhere soprano soulmate southside souljaboy spaceman spanky sparkle
  sparkles sparky spartak spartan spartan117 spartans special spectrum spirit spitfire splinter spooky springer
  squirt stalker standard starbucks starcraft stardust starfish starfire station sterling stewart stinger stinky
  stitch stoner stonecold stonewall storm stranger strangers strike string striker sublime subzero summer99 sundance
  sunday sunfire sunny super supermario supervisor survivor swordfish syncmaster tarzan tattoo taurus tazmania
  technics techno technology tecktonik telefon telefono telephone television temple temptation tequiero terrapin
  terminal territory terrible teresita thankgod thankyou theboss thebest thebeast theatre theking theman theone
  therock thedoors thegame thegreat thirteen thirteen13 threesome thumper thunder thursday thx1138 titanium together
  tomorrow toledo topgun tornado tortuga training transport trapper treasure tropical trouble trooper trucker trustme
  trustnoone tsunami tuesday twinkle twister ultimate umbrella undertaker underground underoath universal unknown
  username usmc1775 vacation vaffanculo valhalla vanguard velocity vendetta verbatim veritas verizon vertigo
  vkontakte viewer village vineyard vintage violence virginie visitor volcano volcom voodoo voyager warcraft
  warcraft3 wareagle warhammer warlock warning waterfall waterloo waterpolo wednesday weezer wellington werder
  westside westlife westwood whiskers whisper whitetiger whocares wildcard wildfire wilderness windmill window wizard
  wolfpack wonder wonderful wonderland woodstock woodland workhard working worship wrangler wrinkles yesterday
  yosemite youandme youngmoney yousuck yugioh zaragoza zimbabwe zxcvbnm zxcasd aezakmi gfhjkm cjmasterinf tudelft
  lizottes startfinding dpbk1234 tianya woaini woaini1314 woaiwojia iloveyou520 xiaoxiao zhangwei wangyut2 aobo2010
  yuantuo2012 woaini520 111222tianya a801016a 2012comeer projectsadminx groupd2013 golfcourse linkedin2011 jobsearch
  mylinkedin webhompass megaparol megaparol12345 megasecret ka_djkhjsy6 polniypizdec polniypizdec0211 j38ifubn
  vqsablpzla pe#5gz29ptzmse fqrg7cs493 diosesfiel 3rjs1la7qe iw14fi9j iw14fi9jxl sojdlg123aljg g9l2d1fzpy 3odi15ngxb
  qti7zxh18u tnk0mk16vx w5txn36alfw uqa9ebw445 p3rat54797 diwtgm8492 yagjecc826 cm6e7aumn9 maprchem56458 1v7upjw3nt
  3d8cubaj2e y6p67ftrqj d9zufqd92n s8ylpe9jdpvym x3lym2mmj g13916055158 5lyedn8r 5hsu75kpot 1zn6fpn01x ocpook325
  29rsavoy motherlode nuttertools 5532361cnjqrf nks230kjs82 qwegta13091990 huhbbhzu78 634142554 hm9958123 ssyu1314
  ms0083jxj bkl29m2bk timelord nssadmin nonmember freepass mash4077 ncc1701a ncc1701d ncc1701e r2d2c3po rush2112 alexander2
  wall.e
  evangelion bettyboop briciola cucciolo cucciola crepusculo chiquita damilola dannyboy escorpion esperanza gandako
  georgina girasole ichliebedich ichliebedi jaimatadi josefina klapaucius kochanie kontakte kontakt lokomotiv loulou
  louloute mamapapa mammamia papamama marcopolo marihuana memphis miamor mihaela milagros mollydog multiplelog
  nadejda newlife nounours ordinateur opeyemi olamide panget pasaway peluche piolin rahasia reggie sagitario sayang
  sayangku schalke04 seniseviyorum septiembre diciembre novembre skorpion solnce sucesso teamo teamomucho tekiero
  telechargement topolino toulouse trabajo voiture youbye zanzibar amor amore amores amour chichi chicco ciccio
  cocoloco cristo cuteako deepak dragonb dinamo ekaterina estrela fabregas gatito gatita georgie gerard gorditas
  greatest guigui halamadrid harekrishna hejsan hermosa hithere holahola hola1234 hubert humtum hunter12 iamnumber
  jackass2 jaguars janjan jasper12 jayjay jenifer jessica7 jimbob jordan12 junjun kaktus killer12 kirill konstantin
  koroleva koshka kotenok krasotka krokodil kristi kucing kungfu ladybugs laurence lenochka lionel littlebit
  littlebit1 lolipop loredana lovers2 ludmila lunita macarena maksim maksimka mamita mamamia mamochka manman manzana
  marcela mariam marina12 markus martine masha mateusz matias mayday megane melinda2 mememe minouche mimosa monster2
  morena moreno mother12 mylife mymother nastena nastenka nathan12 nenita nikita nikolai nikolay noisette oksana
  olivier osiris pallina pallone pantera1 paperino pascal passion patata pelusa pepito perlita pescara petunia
  piccola picasso pierre pimp101 polina pollito pompier poncho popeye1 poupette princess6 pupsik pupuce qazaq
  raffaele rambler rencontre rereirf romashka romain roscoe rubens sahara salope sandro sanane satana schatz scruffy
  selena senha123 serega sergei shorty12 sirius skippy1 slavik snoopy12 sobaka soledad soleil sousou spooky12
  stellina stephane superman! sveta svetik svoboda tabitha tanya tatyana terror tesoro thecat thomas12 timoxa tomtom
  toffee ulises valencia vanille veritas1 viktor virgin viviana vitalik vitoria vittoria wallace wanker warren wasser
  watson webster weasel whatsup wifey xxx123 yamahar1 yamahar6 yoyoyo yuliya yannick zorro zouzou znt: zvezda zaraza
`;

/** Digits, keyboard rows, and words with their own endings. `ab{,1,2}` means `ab`, `ab1` and `ab2`. */
export const COMMON_SEQUENCES = `
  12345678 123456789 1234567890 12345678910 123456789{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,v,w,z,.,*,123,abc,qwe}
  12345678{a,m,q,s} 1234567{a,b,d,j,m,q,s,z}
  123456{abc,asd,qwe,qwer,qwerty,zxc,abcd,aaa,qaz,123,789,781,798,00,654321,987,as,aa,ab,qq,qw}
  12345{qwer,qwert,qwerty,abc,abcde,qwe,671,677,679,600,54321}
  1234567{88,890a,890q,890-,890-=,8900,8901,8912,9,899,891,1} 123456123456 123456789123456789 123456789987654321
  123456654321 1234554321 1234512345 1234{1234,4321,5432,qwer,asdf,zxcv,abcd,rewq} 123454321 12344321 12345654321
  987654321 9876543210 87654321 98765432 987654321{a,q} 987456321 0987654321 0123456789 01234567 01020304 0102030405
  010203040506 1020304050 10203040 102030405 1029384756 0192837465 192837465 1357924680 1357913579 135792468
  135798642 1123581321 11235813 31415926 3.1415926 24681012 246813579 13243546 13572468 112233445566 1122334455
  11223344 22334455 22446688 00112233 00001111 11112222 11221122 11110000 12121212 1212121212 1213141516 12131415
  12211221 12301230 12312312 123123123 123123{123,123123} 123321123 123321123321 123123456 12341234 13131313 14121412
  14141414 14531453 15151515 14789632 147258369 147852369 147896325 147896321 159357456 159753456 159753123 159159159
  15975321 258456123 321321321 321654987 369258147 369852147 456123789 456456456 456789123 741852963 741258963
  74108520 789456123 7894561230 789789789 789654123 789632145 786786786 78963214 85208520 951753852 963852741
  963258741 25252525 25802580 24682468 20202020 21212121 21122112 23232323 24242424 45454545 51505150 56565656
  69696969 88888888 45612378 23456789 19191919 18181818 17171717 16161616 100200300 11111111{,1} 1111111111
  11111111111 111111111111 22222222 2222222222 33333333{,3,33} 44444444 55555555 555555555 5555555555 66666666
  666666666 6666666666 77777777 777777777 7777777777 8888888888 99999999 999999999 9999999999 00000000{,0,00}
  10101010 01010101 01011980 111222333 123698741 123698745 12369874 123654789 123789456 134679852 134679258
  5201314{,520} 5845201314 14881488 20002000 20012001 20022002 20032003 20052005 20062006 20072007 20082008 20092009
  20102010 20112011 20122012 1963{1963} 1964{1964} 1965{1965} 1966{1966} 1967{1967} 1968{1968} 1969{1969} 1970{1970}
  1971{1971} 1972{1972} 1973{1973} 1974{1974} 1975{1975} 1976{1976} 1977{1977} 1978{1978} 1979{1979} 1980{1980}
  1981{1981} 1982{1982} 1983{1983} 1984{1984} 1985{1985} 1986{1986} 1987{1987} 1988{1988} 1989{1989} 1990{1990}
  1991{1991} 1992{1992} 1993{1993} 1994{1994} 1995{1995} 1996{1996} 1997{1997} 1998{1998} 1999{1999} 2000{2001}
  19051905 19031903 19071907 89898989 78787878 65656565 54545454 43434343 34343434 32323232
  1q2w3e4r{,5t,5t6y,5t6y7u,5t6y7u8i,5t6y7u8i9o,5t6y7u8i9o0p} q1w2e3r4{,t5,t5y6} 1qaz2wsx{,3edc,3edc4rfv}
  1qazxsw2{,3edc} 1qaz1qaz 1qaz!qaz 2wsx3edc zaq12wsx zaq1xsw2 zaq1zaq1 !qaz2wsx 1qa2ws3ed 1z2x3c4v z1x2c3v4
  a1s2d3f4{,g5} 1a2s3d4f{,5g} 1a2b3c4d{,5e} a1b2c3d4{,e5} 1a2a3a4a a1a2a3a4{,a5} a1a1a1a1 1q1q1q1q 12qwaszx 12qw34er
  12qw23we 12qw12qw 12qwasyx qwaszx12 q2w3e4r5 p0o9i8u7 1qay2wsx 1g2w3e4r zag12wsx gwerty123 1qw23er4 123qweasd{,zxc}
  123qwe123{,qwe} 123qwerty qwe123456 qwe123qwe qweqwe123 qweqweqwe qweasd123 qweasdzxc{,1,12,123} qweasdqwe
  asdqwe123 zxcasdqwe{,123} zxcvbnm{1,12,123,:} zxcvbnm,{,./} zxcvbn12 zxcvbn123 zxcvb123 zxcvb12345 zxcv1234
  zxcvasdf 1234zxcv 1234asdf 1234qwer{,asdf} 4321qwer 4321rewq qwer1234 qwer4321 qwerasdf{,zxcv} qwerqwer
  asdfasdf{,1} asdfzxcv asdf1234 asdf3423 asdfghjk{,1} asdfghjkl{,1,123,:} asdfghjkl; asdfjkl: asdfjkl;
  asdfgh{12,123} asdfg12345 asdasdasd asdasd123 asd123asd asd123456 lkjhgfdsa poiuytrewq mnbvcxz{1,12} 0okm9ijn
  qazwsx{12,123,edc,edcrfv,edc1,edc123} qazqazqaz qazxswedc qazwsxedcrfvtgb zaqxswcde zaqwsxcde qawsedrf qaz123456
  qaz123wsx qazxsw123 azsxdcfv zxasqw12 qwertyui{,1,o,o1,op,op1,op12,op123,op[],op[]\\\\}
  qwerty{12,123,1234,12345,123456,11,13,21,22,77,777,78,789,321,666,69,!} qwertyqwerty qwertasdfg qwertzuiop qwertzui
  azertyui{,op} azerty{12,123,1234} qwert{123,1234,12345} qwerty{uiop} wertyuio aqwzsxedc
  abc{12345,123456,1234,123abc,abcabc} abcd{1234,12345,123456,efgh} abcdef{12,123,1234,gh,ghi,ghij}
  abcde{123,1234,12345} abcdefg{1,12,123} abcdefgh1 1234abcd 123abc123 1abcdefg aa12345678 aa123456{,7}
  a123456{7,78,789,a} a12345678{,9} a1234567 a654321b a987654321 ab123456 as123456 az123456 c123456789 d123456789
  dt123456 j123456789 k123456789 m123456{7,789} q123456{7,789} q1234567 qq123456 qw123{321,456} s123456789 su123456
  w1234567 x1234567 xiang123456 z123456789 zxc123456 jj123456 aaaa1111 aaaaaaaa{,a,aa} a1111111 aaa111222
  aaa123{123,456} abc123abc 000webhost 123admin321 q1q1q1q1 qqqqqqqq{,qq} 1111qqqq qqqq1111 qqqqwwww qqww1122
  qwe1122334 wwwwwwww xxxxxxxx{,xx} zzzzzzzz{,zz} mmmmmmmm{,mm} ssssssss kkkkkkkk llllllll hhhhhhhh ffffffff gggggggg
  nnnnnnnn pppppppp rrrrrrrr tttttttt vvvvvvvv bbbbbbbb cccccccc dddddddd eeeeeeee jjjjjjjj asdfghjkl123 fktrcfylh
  fylhtq12 ghbdtn12 ghbdtnbr qwerty7890 vfvfgfgf yfnfkmz1 rfnthbyf fyfcnfcbz rhbcnbyf dbrnjhbz cjkysirj trfnthbyf
  cdtnkfyf hjvfirf1 nfnmzyf1 fktrcfylhf yfcntymrf rjycnfynby dkflbckfd vfrcbvrf drjynfrnt rhfcjnrf cxfcnmt1 пароль123
  йцукенгш йцукенгшщз йцукенгшщзхъ qwertyuiop[] adgjmptw .adgjmptw mtvfuck1 t5y6u7i8 correcthorsebatterystaple
  trustno1{,1,12} letmein{1,2,12,123} abc123456789
  password{!,!1,1!,.,01,00,02,03,04,05,06,07,08,09,10,11,13,14,15,16,17,18,19,20,21,22,23,24,25,33,69,77,88,99,01!}
  welcome{01,1!,123!,2,2020,2021,2022,2023,2024,2025}
  summer{01,05,06,07,08,09,10,11,69,2010,2015,2016,2017,2018,2019,2020,2021,2022,2023,2024,2025}
  winter{2015,2016,2017,2018,2019,2020,2021,2022,2023,2024,2025} spring{2019,2020,2021,2022,2023,2024,2025}
  autumn{2019,2020,2021,2022,2023,2024,2025} company{1,12,123}
  iloveyou{0,2,3,4,5,6,7,8,9,08,09,10,11,13,14,15,16,18,19,20,21,22,23,69,.,!}
  babygirl{2,3,4,5,7,9,01,08,09,10,11,13,14,15,16,17,18,19,20,21,22,23,69,!}
  princess{2,3,4,5,7,8,9,01,08,09,10,11,13,14,15,16,18,19,21,22,23,!}
  football{2,3,4,5,6,7,8,9,09,10,11,13,14,15,20,21,22,23,24,33,44,55,!}
  baseball{2,3,4,5,6,7,8,9,10,11,13,14,15,21,22,23,24} softball{2,3,7,10,11,13}
  fuckyou{2,3,4,5,6,7,8,9,11,13,22,69,666,.} sunshine{2,3,7,11,!} jessica{2,3,7,13} michelle{2,12}
  superman{2,3,7,11,23} butterfly{2,3,7,8} liverpool{2,8,9} november{11,19} september{2,9,11} october{10,31}
  august{10,11,12,20,21} april{2019,2020,2021,2022,2023,2024,2025} myspace{10,11,13,14,21,22,23,69,101,200,201}
  soccer{10,11,13,14,15,16,17,18,19,20,21,22,23,24,101,07,08,09} monkey{10,11,13,14,21,22,23,69,101}
  dragon{11,13,69,88} purple{11,13,22} michael{2,3,5,7,11,13,23} ashley{10,11,13}
  1{password,princess,iloveyou,sunshine,monkey1,michael,butterfly,truelove,babygirl,fuckyou,superman,football,diamond,anthony,chicken,welcome,1password}
  admin12345 adminadmin rootroot toortoor secretsecret test12345 jordan23 blink182
`;
