"""Function words of French, Italian, Spanish, Portuguese, Romanian, Catalan, Russian and Turkish."""

from typing import Final

FRENCH: Final = """
à ai aie aient aies ait as au aura aurai auraient aurais aurait auras aurez auriez aurions aurons auront aux avaient avais avait avec avez
aviez avions avons ayant ayez ayons c ce ceci cela ces cet cette d dans de des du elle en es est et étaient étais était étant été étée étées
étés êtes étiez étions eu eue eues eûmes eurent eus eusse eussent eusses eussiez eussions eut eût eûtes eux fûmes furent fus fusse fussent
fusses fussiez fussions fut fût fûtes ici il ils j je l la le les leur leurs lui m ma mais me même mes moi mon n ne nos notre nous on ont ou
par pas pour qu que quel quelle quelles quels qui s sa sans se sera serai seraient serais serait seras serez seriez serions serons seront
ses si soi soient sois soit sommes son sont soyez soyons suis sur t ta te tes toi ton tu un une vos votre vous y
"""
ITALIAN: Final = """
a abbia abbiamo abbiano abbiate ad agl agli ai al all alla alle allo anche avemmo avendo avesse avessero avessi avessimo aveste avesti avete
aveva avevamo avevano avevate avevi avevo avrà avrai avranno avrebbe avrebbero avrei avremmo avremo avreste avresti avrete avrò avuta avute
avuti avuto c che chi ci coi col come con contro cui da dagl dagli dai dal dall dalla dalle dallo degl degli dei del dell della delle dello
di dov dove e è ebbe ebbero ebbi ed era erano eravamo eravate eri ero essendo faccia facciamo facciano facciate faccio facemmo facendo
facesse facessero facessi facessimo faceste facesti faceva facevamo facevano facevate facevi facevo fai fanno farà farai faranno farebbe
farebbero farei faremmo faremo fareste faresti farete farò fece fecero feci fosse fossero fossi fossimo foste fosti fu fui fummo furono gli
ha hai hanno ho i il in io l la le lei li lo loro lui ma mi mia mie miei mio ne negl negli nei nel nell nella nelle nello noi non nostra
nostre nostri nostro o per perché più quale quanta quante quanti quanto quella quelle quelli quello questa queste questi questo sarà sarai
saranno sarebbe sarebbero sarei saremmo saremo sareste saresti sarete sarò se sei si sia siamo siano siate siete sono sta stai stando stanno
starà starai staranno starebbe starebbero starei staremmo staremo stareste staresti starete starò stava stavamo stavano stavate stavi stavo
stemmo stesse stessero stessi stessimo steste stesti stette stettero stetti stia stiamo stiano stiate sto su sua sue sugl sugli sui sul sull
sulla sulle sullo suo suoi ti tra tu tua tue tuo tuoi tutti tutto un una uno vi voi vostra vostre vostri vostro
"""
SPANISH: Final = """
a al algo algunas algunos ante antes como con contra cual cuando de del desde donde durante e el él ella ellas ellos en entre era erais
éramos eran eras eres es esa esas ese eso esos esta ésta está estaba estabais estábamos estaban estabas estad estada estadas estado estados
estáis estamos están estando estar estará estarán estarás estaré estaréis estaremos estaría estaríais estaríamos estarían estarías estas
éstas estás este éste esté estéis estemos estén estés esto estos éstos estoy estuve estuviera estuvierais estuviéramos estuvieran
estuvieras estuvieron estuviese estuvieseis estuviésemos estuviesen estuvieses estuvimos estuviste estuvisteis estuvo fue fuera fuerais
fuéramos fueran fueras fueron fuese fueseis fuésemos fuesen fueses fui fuimos fuiste fuisteis ha habéis había habíais habíamos habían habías
habida habidas habido habidos habiendo habrá habrán habrás habré habréis habremos habría habríais habríamos habrían habrías han has hasta
hay haya hayáis hayamos hayan hayas he hemos hube hubiera hubierais hubiéramos hubieran hubieras hubieron hubiese hubieseis hubiésemos
hubiesen hubieses hubimos hubiste hubisteis hubo la las le les lo los más me mi mí mía mías mío míos mis mucho muchos muy nada ni no nos
nosotras nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros para pero poco por porque que qué quien quienes se sea seáis
seamos sean seas será serán serás seré seréis seremos sería seríais seríamos serían serías sí sido siendo sin sobre sois somos son soy su sus
suya suyas suyo suyos también tanto te tendrá tendrán tendrás tendré tendréis tendremos tendría tendríais tendríamos tendrían tendrías tened
tenéis tenemos tenga tengáis tengamos tengan tengas tengo tenía teníais teníamos tenían tenías tenida tenidas tenido tenidos teniendo ti
tiene tienen tienes todo todos tu tú tus tuve tuviera tuvierais tuviéramos tuvieran tuvieras tuvieron tuviese tuvieseis tuviésemos tuviesen
tuvieses tuvimos tuviste tuvisteis tuvo tuya tuyas tuyo tuyos un una uno unos vosotras vosotros vuestra vuestras vuestro vuestros y ya yo
"""
PORTUGUESE: Final = """
a à ao aos aquela aquelas aquele aqueles aquilo as às até com como da das de dela delas dele deles depois do dos e é ela elas ele eles em
entre era eram éramos essa essas esse esses esta está estamos estão estar estas estava estavam estávamos este esteja estejam estejamos
estes esteve estive estivemos estiver estivera estiveram estivéramos estiverem estivermos estivesse estivessem estivéssemos estou eu foi
fomos for fora foram fôramos forem formos fosse fossem fôssemos fui há haja hajam hajamos hão havemos hei houve houvemos houver houvera
houverá houveram houvéramos houverão houverei houverem houveremos houveria houveriam houveríamos houvermos houvesse houvessem houvéssemos
isso isto já lhe lhes mais mas me mesmo meu meus minha minhas muito na não nas nem no nos nós nossa nossas nosso nossos num numa o os ou
para pela pelas pelo pelos por qual quando que quem são se seja sejam sejamos sem ser será serão serei seremos seria seriam seríamos seu
seus só somos sou sua suas também te tem têm temos tenha tenham tenhamos tenho terá terão terei teremos teria teriam teríamos teu teus teve
tinha tinham tínhamos tive tivemos tiver tivera tiveram tivéramos tiverem tivermos tivesse tivessem tivéssemos tu tua tuas um uma você
vocês vos
"""
ROMANIAN: Final = """
a abia acea aceasta această aceea aceia acel acela acelea acele acelora acest acesta aceste acestea acestei aceștia acestui acolo acum ai
aia aici al ăla ale alea altceva altcineva alt alta alte altul am anumit anumite apoi ar are as aș așa asemenea asta ăsta astea ăștia asupra
atare atât atunci au avea aveam avem aveți azi ba bine ca că căci când care căreia cărei căror cărora cărui căruia cât câte câtă câți către
ce cea ceea cei cel cele celor ceva chiar ci cine cineva cu cum cumva da dacă dar de deasupra deci decât deja deși despre din dintr dintre
doar după ea ei el ele era eram este eu fără fi fie fii fiind foarte fost i iar îi îl îmi în înainte încât încă între întru îți la le li lor
lui mă mai mea mei mele mereu meu mi mie mine mult multă mulți multe n ne nici niște noastră noastre noi nostru noștri nouă nu o ori oricând
oricare orice oricine oricum pe pentru peste până poate pot prea prin printr s sa să săi sale sau său se și sînt sunt spre sub sunteți suntem
ta tăi tale tău te ți ție tine toată toate tocmai tot toți totuși tu un una unde undeva unei unele uneori unii unor unora unu unui unuia unul
va vă voastră voastre voi vom vor vostru voștri vouă vreo vreun
"""
CATALAN: Final = """
a al als altra altre altres amb ambdós any anys aquell aquella aquelles aquells aquest aquesta aquestes aquests així això allò com contra cada
cap d de del dels des després dins doncs durant e el ell ella elles ells els em en entre era eren és ésser esta està estan estat estava
et fins fou ha han havia he hem hi ho i jo l la les li llur llurs m ma mateix me mentre més meu meva molt molta moltes molts mon n ne
ni no nosaltres nostra nostre o on pel pels però per perquè poc pot què que qual quals quan quant qui s sa segons sense ser seu seva si sino
sobre sóc som són sota sou t ta també tan tant te tenir teu teva tot tota totes tots tu un una unes uns us va van vosaltres vostra vostre
"""
RUSSIAN: Final = """
а без более больше будет будто бы был была были было быть в вам вас вдруг ведь во вот впрочем все всегда всего всех всю вы где да даже два
для до другой его ее ей ему если есть еще ж же за зачем здесь и из или им иногда их к как какая какой когда конечно кто куда ли лучше между
меня мне много может можно мой моя мы на над надо наконец нас не него нее ней нельзя нет ни нибудь никогда ним них ничего но ну о об один он
она они опять от перед по под после потом потому почти при про раз разве с сам свою себе себя сейчас со совсем так такой там тебя тем теперь
то тогда того тоже только том тот три тут ты у уж уже хорошо хоть чего чем через что чтоб чтобы чуть эти этого этой этом этот эту я
"""
TURKISH: Final = """
acaba ama ancak arada artık asıl aslında ayrıca az bana bazen bazı bazıları belki ben benden beni benim beri bile bir birçok biri birkaç
birşey biz bizden bize bizi bizim böyle böylece bu buna bunda bundan bunlar bunları bunların bunu bunun burada bütün çoğu çok çünkü da daha
dahi de değil diğer diye dolayı eden eğer en etmesi fakat gibi göre halen hangi hatta hem henüz hep hepsi her herkes hiç hiçbir için ile ise
işte kadar karşın kendi kendilerine kendine kendini kendisi kendisine kendisini ki kim kimse mi mı mu mü nasıl ne neden nedenle nerde
nerede nereye niçin niye o olan olarak oldu olduğu olduğunu olması olmayan olmaz olsa olsun olup olur olursa oluyor ona ondan onlar onlardan
onları onların onu onun oysa öyle pek rağmen sadece sanki sen senden seni senin siz sizden sizi sizin şey şeyden şeyi şeyler şöyle şu şuna
şunda şundan şunlar şunu tarafından tüm üzere var ve veya ya yani yapacak yapılan yapılması yapıyor yapmak yaptı yaptığı yaptığını
yaptıkları yerine yine yoksa zaten
"""
