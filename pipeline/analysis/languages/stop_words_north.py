"""Function words of English, German, Dutch, the Scandinavian languages, Finnish and Hungarian."""

from typing import Final

# Lucene's EnglishAnalyzer.ENGLISH_STOP_WORDS_SET.
ENGLISH: Final = "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with"
GERMAN: Final = """
aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes anderm andern anderr anders auch auf aus bei
bin bis bist da damit dann das dass daß dasselbe dazu dein deine deinem deinen deiner deines dem demselben den denn denselben der derer
derselbe derselben des desselben dessen dich die dies diese dieselbe dieselben diesem diesen dieser dieses dir doch dort du durch ein eine
einem einen einer eines einig einige einigem einigen einiger einiges einmal er es etwas euch euer eure eurem euren eurer eures für gegen
gewesen hab habe haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im in indem ins ist jede jedem
jeden jeder jedes jene jenem jenen jener jenes jetzt kann kein keine keinem keinen keiner keines können könnte machen man manche manchem
manchen mancher manches mein meine meinem meinen meiner meines mich mir mit muss musste nach nicht nichts noch nun nur ob oder ohne sehr
sein seine seinem seinen seiner seines selbst sich sie sind so solche solchem solchen solcher solches soll sollte sondern sonst über um
und uns unse unser unsem unsen unsere unserem unseren unseres unter viel vom von vor während war waren warst was weg weil weiter welche
welchem welchen welcher welches wenn werde werden wie wieder will wir wird wirst wo wollen wollte würde würden zu zum zur zwar zwischen
"""
DUTCH: Final = """
aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en er ge geen geweest haar had heb
hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan kon kunnen maar me meer men met mij mijn moet na naar niet niets nog
nu of om omdat onder ons ook op over reeds te tegen toch toen tot u uit uw van veel voor want waren was wat werd wezen wie wil worden wordt
zal ze zelf zich zij zijn zo zonder zou
"""
SWEDISH: Final = """
alla allt än är åt att av blev bli blir blivit då där de dem den denna deras dess dessa det detta dig din dina ditt du efter ej eller en er
era ert ett från för ha hade han hans har här henne hennes hon honom hur i icke ingen inom inte jag ju kan kunde man med mellan men mig
min mina mitt mot mycket någon något några när ni nu och om oss på så sådan sådana sådant samma sedan sig sin sina sitta själv skulle som
till under upp ut utan vad vår våra vårt vara varför varit varje vars vart vem vi vid vilka vilkas vilken vilket
"""
NORWEGIAN: Final = """
alle alt and annen at av både ble blei bli blir blitt da då de deg dei deim deira deires dem den denne der dere deres det dette di din disse
ditt du dykk dykkar eg ein eit eitt eller elles en enn er et ett etter for før fordi fra ha hadde han hans har hennar henne hennes her hit
hjå ho hoe honom hoss hossen hun hva hvem hver hvilke hvilken hvis hvor hvordan hvorfor i ikke ikkje ingen ingi inkje inn inni ja jeg kan
kom korleis korso kun kunne kva kvar kvarhelst kven kvi kvifor man mange me med medan meg meget mellom men mi min mine mitt mot mykje nå
når ned no noe noen noka noko nokon nokor nokre og også om opp oss over på så sånn samme seg selv si sia sidan siden sin sine sitt sjøl skal
skulle slik so som somme somt til um under upp ut uten vår være vært var vart vere verte vi ville vore vors vort
"""
DANISH: Final = """
ad af alle alt anden at blev blive bliver da de dem den denne der deres det dette dig din disse dog du efter eller en end er et for fra ham
han hans har havde have hende hendes her hos hun hvad hvis hvor i ikke ind jeg jer jo kunne man mange med meget men mig min mine mit mod når
ned noget nogle nu og også om op os over på så sådan selv sig sin sine sit skal skulle som thi til ud under være været var vi vil ville vor
"""
FINNISH: Final = """
ei eivät emme en et ette että ehkä eli he heidän heidät heihin heille heillä heiltä heissä heistä heitä hän häneen hänelle hänellä häneltä
hänen hänessä hänestä hänet häntä itse ja johon joiden joihin joiksi joille joilla joilta joina joissa joista joita joka joksi jolla jolle
jolta jona jonka jos jossa josta jota jotka kanssa keiden keihin keiksi keille keillä keiltä keinä keissä keistä keitä keneen keneksi
kenelle kenellä keneltä kenen kenenä kenessä kenestä kenet ketkä ketä koska kuin kuka kun me meidän meidät meihin meille meillä meiltä
meissä meistä meitä mihin miksi mikä mille millä miltä minkä minua minulla minulle minulta minun minussa minusta minut minuun minä missä
mistä mitkä mitä mukaan mutta ne niiden niihin niiksi niille niillä niiltä niin niinä niissä niistä niitä noiden noihin noiksi noille
noilla noilta noin noina noissa noista noita nuo nyt näiden näihin näiksi näille näillä näiltä näinä näissä näistä näitä nämä ole olemme
olen olet olette oli olimme olin olisi olisimme olisin olisit olisitte olisivat olit olitte olivat olla olleet ollut on ovat poikki se
sekä sen siihen siinä siitä siksi sille sillä siltä sinua sinulla sinulle sinulta sinun sinussa sinusta sinut sinuun sinä sitä tai te
teidän teidät teihin teille teillä teiltä teissä teistä teitä tuo tuohon tuoksi tuolla tuolle tuolta tuon tuona tuossa tuosta tuota tähän
täksi tälle tällä tältä tämä tämän tänä tässä tästä tätä vaan vai vaikka yli
"""
HUNGARIAN: Final = """
a abban ahhoz ahogy ahol aki akik akkor által általában amely amelyek amelyekben amelyeket amelyet amelynek ami amíg amikor amit amolyan
annak arra arról át az azért azok azon azonban azt aztán azután azzal be belül benne cikk cikkek cikkeket csak de e ebben eddig egész egy
egyéb egyes egyetlen egyik egyre ehhez ekkor el elég ellen elő először előtt első elsők emilyen én ennek éppen erre és ez ezek ezen ezért
ezt ezzel fel felé ha hanem hiszen hogy hogyan ide igen ill illetve ilyen ilyenkor is ismét itt jó jobban jól kell kellett keressünk
keresztül ki kívül közben között közül le legalább legyen lehet lehetett lenne lenni lesz lett maga magát majd már más másik még mellett
mely melyek mert mi miért míg mikor milyen minden mindenki mindent mindig mint mintha mit mivel most nagy nagyobb nagyon ne néha néhány
nekem neki nem nincs ő ők őket olyan össze ott pedig persze rá s saját sem semmi sok sokat sokkal számára szemben szerint szinte talán te
tehát teljes ti több tovább továbbá úgy ugyanis új újabb újra után utána utolsó vagy vagyis vagyok valaki valami valamint való van vannak
vele vissza viszont volna volt voltak voltam voltunk
"""
