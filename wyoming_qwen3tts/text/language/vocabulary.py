"""Small words and letters that give a Latin-script language away in a text too short for statistics.

Function words, greetings and the nouns of a home; own lists. A word in several lists counts less for each of them.
"""

from typing import Final

_LISTS: Final = {
    "de": """
        der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren wird werden wurde
        hat haben hatte ich du er sie es wir ihr mich dich sich uns euch mein dein sein ihre nicht kein keine auch nur
        noch schon sehr mit von zu zum zur im in am an auf aus bei beim bis für gegen nach ohne über um unter vor
        wegen seit wie was wer wo wann warum wenn dass weil als so hier dort heute morgen gestern jetzt gleich bitte
        danke hallo guten tag abend nacht ja nein uhr grad prozent gibt kann kannst können soll muss mach mache
        schalte schalten licht lichter lampe küche wohnzimmer schlafzimmer badezimmer flur büro garten keller heizung
        temperatur wetter sonnig bewölkt regen schnee wind draußen drinnen eingeschaltet ausgeschaltet offen geöffnet
        geschlossen tür haustür fenster rollladen garage waschmaschine fertig läuft erledigt verstanden gerne gern
        leider minuten stunden sekunden montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar
        märz mai juni juli oktober dezember alles klar okay wecker timer musik lauter leiser termin termine
        einkaufsliste milch brot eier neue nachricht strom verbrauch beträgt liegt euro welche warm kalt kühl zurzeit
        aktuell momentan etwa rund viel wenig mehr weniger ganz wieder deine meine gute schönen bereit angeschaltet
        gestellt ausgeführt stunde minute sekunde geht macht steht achtung warnung fehler batterie schwach voll leer
        herr frau doktor mutter oma opa kind kinder haus wohnung zimmer stock etage decke boden wand steckdose
        schalter gerät geräte sensor bewegung erkannt alarmanlage kamera klingel post paket müll müllabfuhr
        besprechung zahnarzt arzt urlaub feiertag geburtstag luft luftfeuchtigkeit luftdruck helligkeit feinstaub
        feuchtigkeit sturm gewitter nebel sonne sonnenaufgang sonnenuntergang himmel leistung spannung akku ladung
        geladen laden kosten kostet preis nummer anruf anrufen siehe seite anleitung einstellungen gilt umsatz spiel
        spiele lied sender lautstärke pause stopp weiter zurück fahrt dauert weg zug bus auto stau arbeit schule essen
        rezept zutaten mehl zucker butter wasser kaffee tee öffne öffnen schließe schließen starte starten stelle
        stellen setze sage sag frage antwort hilfe nimm gib zeig zeige bring komme kommt kommen gehen gehe fahren
        wünsche leben menschen welt land stadt straße zwei drei vier fünf sechs sieben acht neun zehn elf zwölf erste
        zweite dritte letzte nächste nächster nächsten jeder alle etwas nichts nie immer manchmal oft später früher
        bald erst dann danach davor während trotzdem deshalb also denn doch mal eben gefunden verbunden getrennt
        verfügbar aktualisiert aktiv inaktiv aktiviert deaktiviert gestartet beendet gestoppt automatisch rot grün
        blau gelb weiß schwarz hell dunkel groß klein hoch niedrig schnell langsam lang kurz ungefähr insgesamt tage
        wochen monate jahr jahre jahren tagen unser unsere hast bist seid wollen will möchte möchtest magst darf
        dürfen müssen kontostand raumtemperatur telefon tel signal restzeit verbleibend stufe modus betrieb eingang
        ausgang guthaben rechnung fällig lieferung geliefert servus tschüss problem saugroboter reinigt esszimmer
        bewegungsmelder ausgelöst spülmaschine vorhang vorhänge verstehe bitteschön kinderzimmer wiederholen
        wiederhole ventilator rauchmelder rauch feuer gas helfen heizkörper zuhause hause schlaf schlafen schläft
        stehlampe gedimmt willkommen klingelt terrasse balkon dach treppe briefkasten wagen fahrrad hund katze
        fernseher radio lautsprecher film nachrichten sport spielstand gewonnen verloren wetterbericht temperaturen
        draussen heiß frisch trocken feucht nass leicht stark mäßig wolkig heiter bedeckt schneit regnet scheint weht
        erwartet steigt sinkt fällt bleibt aufstehen aufwachen dir ihnen ihm ihn denen gehabt gewesen geworden machen
        gemacht gesagt gesehen gegangen gekommen genommen gegeben gesetzt sofort zuerst zuletzt außerdem vielleicht
        natürlich wirklich einfach genau fast kaum ziemlich besonders zusammen allein
        entsperrt verriegelt entriegelt gesperrt pausiert fortgesetzt abgebrochen hinzugefügt entfernt festgelegt
        ok okay mal mach angehalten gespeichert gelöscht gesucht verbinde moment keins keiner niemand jemand nirgends
        läutet piept spielt sucht verstummt stumm deckenlampe deckenlicht nachttisch waschküche dachboden einfahrt rollo
        jalousie jalousien markise verlassen gefüllt geleert erreicht überschritten unterschritten wartet lädt
    """,
    "en": """
        the a an and or but is are was were be been has have had i you he she it we they my your his her its our their
        not no yes do does did don't can can't could will would should to of in on at by for from with without about
        into over under after before until since as if when where why how what who which that this these those there
        here now today tomorrow yesterday please thanks thank hello hi hey good morning evening night ok okay sorry
        sure done turn turned turning switch set light lights lamp kitchen living room bedroom bathroom hallway office
        garden basement heating temperature weather sunny cloudy rain rainy snow wind outside inside off open opened
        closed door front window blinds garage washing machine finished running minutes hours seconds monday tuesday
        wednesday thursday friday saturday sunday january february march june july october december alarm timer music
        louder quieter event events shopping list milk bread eggs new message power consumption currently degrees
        percent dollars pounds warm cold cool around much many more less all again ready i'm it's that's you're
        there's welcome home away locked unlocked battery low full empty warning error just hour minute second one two
        three day week doctor mother father kid kids house apartment floor upstairs downstairs ceiling wall outlet
        plug device devices sensor motion detected camera doorbell mail package trash meeting appointment dentist
        vacation holiday birthday air humidity pressure brightness dust storm thunderstorm fog sun sunrise sunset sky
        voltage charge charged charging cost costs price number call calls see page guide settings song station volume
        pause stop resume continue back drive takes way train bus car traffic work school food recipe ingredients
        flour sugar butter water coffee tea close start started starting stopped say said ask answer help get give
        show bring come comes coming go goes going leave leaves want wants need needs live people world country city
        street four five six seven eight nine ten eleven twelve first third last next every each everything something
        nothing never always sometimes often later earlier soon then afterwards while however therefore well also too
        very found connected disconnected available updated active inactive activated disabled enabled automatically
        red green blue yellow white black bright dark big small high fast slow long short days weeks months year years
        us let's let me him them any some other between both won't isn't aren't didn't doesn't i'll you'll i've you've
        what's here's he's she's chance speed file score playing reminder due joined balance remaining mode stage
        input output bill delivery delivered hundred thousand problem vacuum cleaning dining triggered dishwasher
        still curtains curtain understand nursery repeat level smoke fire gas radiator bye sleep dimmed yard terrace
        balcony roof stairs mailbox bike dog cat tv radio speaker movie news sports game won lost forecast
        temperatures hot fresh dry humid wet heavy moderate clear overcast snowing raining shining blowing expected
        rises falls stays wake up made make saw seen went gone came took taken gave given put already immediately
        maybe perhaps course really exactly almost hardly quite especially together alone like we'll they're arriving
        arrives leaving cooking cooked oven fridge freezer
        unlocking locking opening closing pausing paused resuming resumed cancelled canceled added removed deleted
        saved searching connecting muted unmuted nobody someone anyone nowhere instant moment ceiling bedside porch
        driveway attic shade shades awning elevator reached exceeded waiting mower docking docked signal none
    """,
    "es": """
        el la los las un una unos unas y o pero es son era eran será está están estaba ha han había yo tú él ella
        nosotros ellos mi tu su me te se nos no sí si también solo muy con de del al a en por para sin sobre entre
        hasta desde hacia como qué quién dónde cuándo cómo porque cuando que aquí ahí ahora hoy mañana ayer favor
        gracias hola buenos buenas días tardes noches vale listo lista hecho hay puedo puede puedes enciende encender
        encendida encendido apagada apagado apaga luz luces lámpara cocina salón dormitorio baño pasillo oficina
        jardín sótano calefacción temperatura tiempo soleado nublado lluvia lloverá nieve viento fuera dentro abierta
        abierto cerrada cerrado puerta ventana persiana garaje lavadora terminado minutos horas segundos lunes martes
        miércoles jueves viernes sábado domingo enero febrero marzo abril mayo junio julio agosto septiembre octubre
        noviembre diciembre alarma música compra leche pan huevos mensaje nuevo consumo grados ciento euros hace calor
        frío más menos todo otra vez quieres tiene tienes casa entiendo cuidado batería baja error lo siento claro
        adiós activada desactivada hora minuto segundo día semana señor señora doctor doctora madre padre niño niños
        piso planta techo suelo pared enchufe interruptor dispositivo dispositivos sensor movimiento detectado cámara
        timbre correo paquete basura reunión cita dentista médico vacaciones festivo cumpleaños aire humedad presión
        luminosidad partículas polvo tormenta niebla sol amanecer atardecer cielo potencia tensión carga cargada
        cargando cuesta cuestan precio número llamada llame llama mira mire página guía ajustes canción emisora
        volumen pausa sigue atrás viaje dura camino tren autobús coche tráfico trabajo escuela comida receta
        ingredientes harina azúcar mantequilla agua café té abre abra cierra cierre empieza inicia pon ponga di dice
        pregunta respuesta ayuda dame muestra trae viene vienen voy vas va vamos salir quiero necesito necesitas viven
        personas mundo país ciudad calle dos tres cuatro cinco seis siete ocho nueve diez once doce primer primero
        primera segunda tercero última último próximo próxima cada algo nada nunca siempre veces luego después antes
        mientras aunque además entonces encontrado conectado conectada desconectado disponible actualizado activo
        activa automáticamente rojo verde azul amarillo blanco negro oscuro grande pequeño alto rápido lento largo
        corto semanas meses año años quedan queda faltan falta añade añada escriba salido archivo ocupa conexión sala
        pi valor habitación abajo arriba estoy quiere podría debe nueva todos todas reproduciendo ambiente resultado
        recuerda recordatorio terminada saldo debes barato caro modo entrada salida factura entrega señal cuenta
        problema robot aspira comedor aspiradora activado lavavajillas marcha cortinas cortina entender repite repetir
        ventilador nivel humo fuego gas ayudar ayudarte radiador descanses descansa pie atenuada bienvenido bienvenida
        patio terraza balcón tejado escalera buzón bicicleta perro gato televisión tele radio altavoz película
        noticias deportes partido ganado perdido pronóstico temperaturas caliente fresco seco húmedo mojado ligero
        fuerte moderado despejado cubierto nieva llueve brilla sopla espera sube despertar buen ser haber sido hacer
        dicho decir visto ver ido ir venido tomado dado puesto poner ya pronto enseguida quizás quizá realmente justo
        exactamente casi apenas bastante especialmente juntos estas estos esta este ese esa eso aquel mucho mucha
        muchos poco poca pocos otro otros nuestra nuestro llegará llega sale horno nevera congelador cocinar tengo
        tenemos fue descargada
        ok okay vale si abriendo cerrando bloqueando desbloqueando bloqueado bloqueada desbloqueado iniciando iniciado
        deteniendo detenido pausando pausado reanudando reanudado regresando volviendo continuando cancelando cancelado
        añadido finas ventiladores eliminado guardado buscando conectando silenciado restaurado momento instante nadie
        alguien ninguno ninguna entendido jefe averiado averiada ascensor duerma duermas bien temporizador completada
        completado plafón mesilla entrada cochera desván persianas toldo alcanzado superado esperando cortacésped
        partículas
    """,
    "fr": """
        le la les l un une des du de d et ou mais est sont était étaient sera a ont avait je tu il elle nous vous ils
        elles mon ton son ma ta sa mes tes ses notre votre leur ne pas non oui aussi très avec au aux à en dans par
        pour sans sur sous entre jusqu vers chez comme que qui quoi où quand pourquoi comment parce si ici là
        maintenant aujourd hui aujourd'hui demain hier s'il plaît merci bonjour bonsoir salut bonne nuit soirée
        d'accord voilà c'est c j'ai j'allume y n'est qu'il peut peux pouvez allume allumer allumée allumé allumées
        éteins éteinte éteint éteintes lumière lumières lampe cuisine salon chambre salle bain couloir bureau jardin
        cave chauffage température météo ensoleillé nuageux pluie neige vent dehors dedans extérieur intérieur ouverte
        ouvert fermée fermé porte fenêtre volet volets garage machine laver terminée terminé minutes heures secondes
        lundi mardi mercredi jeudi vendredi samedi dimanche janvier février mars avril mai juin juillet août septembre
        octobre novembre décembre alarme minuteur musique courses lait pain œufs message nouveau nouvelle consommation
        degrés cent euros fait chaud froid plus moins tout tous encore prêt bien sûr désolé batterie faible erreur
        heure minute seconde jour semaine cette ce cet l'alarme l'extérieur monsieur madame docteur mère père enfant
        enfants maison appartement étage plafond sol mur prise interrupteur appareil appareils capteur mouvement
        détecté caméra sonnette courrier colis poubelle poubelles réunion rendez-vous rendez dentiste médecin vacances
        férié anniversaire air humidité pression luminosité particules poussière orage brouillard soleil lever coucher
        ciel puissance tension charge chargée coûte prix numéro appel appelez voir page guide paramètres réglages
        chanson station volume pause stop reprendre retour trajet dure chemin train voiture circulation travail école
        repas recette ingrédients farine sucre beurre eau café thé ouvre ouvrez ferme fermez commence démarre démarré
        lance dis dit question réponse aide donne montre apporte vient viennent vais vas va allons partir veux voulez
        besoin habitants gens monde pays ville rue deux trois quatre cinq six sept huit neuf dix onze douze premier
        première deuxième dernier dernière prochain prochaine chaque quelque chose rien jamais toujours parfois
        souvent puis après avant pendant donc alors trouvé connecté connectée déconnecté disponible mis actif active
        désactivé automatiquement rouge vert bleu jaune blanc noir clair sombre grand petit haut bas rapide lent long
        court semaines mois an ans année reste restent ajoutez ajoute écrivez installée fichier connexion pièce vaut
        valeur attend attendu prévu été fines matin soir midi minuit dont ces leurs suis es sommes êtes étais serai
        fin lancement lecture rappel solde depuis pompe débite libres libre signal mode entrée sortie facture
        livraison livré cher problème aspirateur nettoie manger détecteur déclenché introuvable vaisselle tourne
        rideaux rideau compris comprends plaisir répétez répète ventilateur niveau fumée feu gaz aider puis-je
        radiateur coupé revoir bientôt dors dormez lampadaire tamisé bienvenue sonne cour terrasse balcon toit
        escalier boîte vélo chien chat télévision télé radio enceinte film nouvelles infos sport match gagné perdu
        prévisions températures frais sec humide mouillé léger fort modéré dégagé couvert pleut brille souffle monte
        descend réveil réveille bon être avoir eu faire dire vu allé aller venu venir pris prendre donné mettre déjà
        tôt suite peut-être vraiment juste exactement presque peine assez surtout ensemble seul seule celui celle ceux
        beaucoup peu autre autres arrive arrivera part four frigo congélateur cuisson avez avons d'ici
        ok okay verrouillée verrouillé déverrouillé déverrouillée ouverture fermeture verrouillage repris reprise fini
        finie annulé annulée ajouté ajoutée supprimé supprimée enregistré coupée rétabli instant moment personne
        quelqu'un aucun aucune plafonnier chevet buanderie grenier allée store stores cycle ascenseur atteint dépassé
        patientez tondeuse créé ajusté réglé réglée mme
    """,
    "it": """
        il lo la i gli le un uno una e o ma è sono era erano sarà ha hanno aveva io tu lui lei noi voi loro mio tuo
        suo mia tua sua mi ti si ci non no sì anche solo molto con di del della dello dei delle degli da dal dalla a
        al alla ai alle in nel nella nello nei nelle per senza su sul sulla tra fra fino come che chi cosa dove quando
        perché se qui là ora adesso oggi domani ieri favore grazie ciao buongiorno buonasera buonanotte va bene fatto
        c'è posso può puoi accendi accendere accesa acceso accese spegni spenta spento spente luce luci lampada cucina
        soggiorno camera letto bagno corridoio ufficio giardino cantina riscaldamento temperatura tempo soleggiato
        nuvoloso pioggia neve vento fuori dentro aperta aperto chiusa chiuso porta finestra tapparella lavatrice
        terminato finito minuti ore secondi lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio febbraio
        marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre sveglia allarme musica spesa
        latte pane uova messaggio nuovo nuova consumo gradi percento euro fa caldo freddo più meno tutto ancora pronto
        pronta casa batteria scarica errore dispiace certo ecco prego sta stai l'allarme all'esterno minuto secondo
        giorno settimana questa questo buona notte attenzione ho capito signor signora signore dottore dottor
        dottoressa madre padre bambino bambini appartamento piano soffitto pavimento parete presa interruttore
        dispositivo dispositivi sensore movimento rilevato telecamera campanello posta pacco spazzatura riunione
        appuntamento dentista medico vacanze festa compleanno aria umidità pressione luminosità polveri polvere
        temporale nebbia sole alba tramonto cielo potenza tensione carica ricarica costa costano prezzo numero
        chiamata chiama chiamare iva supera segna contatore vedi pagina guida impostazioni canzone stazione volume
        pausa ferma continua indietro viaggio dura strada treno autobus macchina traffico lavoro scuola cibo ricetta
        ingredienti farina zucchero burro acqua caffè tè apri aprire chiudi chiudere inizia avvia avviato metti di'
        dice domanda risposta aiuto dammi dai mostra viene vengono vado vai andiamo uscire voglio vuoi bisogno vivono
        persone mondo paese città via due tre quattro cinque sei sette otto nove dieci undici dodici primo prima
        seconda terzo terza ultimo ultima prossimo prossima ogni qualcosa niente nulla mai sempre volte spesso poi
        dopo mentre però quindi allora trovato connesso connessa disconnesso disponibile aggiornato attivo attiva
        attivato automaticamente rosso verde blu giallo bianco nero chiaro scuro grande piccolo alto basso veloce
        lento lungo corto settimane mesi anno anni mancano manca restano resta aggiungi scrivi installata file occupa
        connessione stanza vale valore previsti previsto uscito uscita indirizzo arrivati arrivato impostata impostato
        questi quello riproduzione promemoria mattina sera mezzanotte mezzogiorno greco frutta dell all nell sull dall
        saldo devi deve liberi libero forno modo entrata fattura consegna segnale bolletta corrente usa wi-fi problema
        problemi nessun robot pulisce pranzo pranzare attivata lavastoviglie funzione tende tenda capisco capire
        piacere ripeti ripetere ventilatore livello fumo fuoco gas aiutarti aiutare termosifone completata arrivederci
        presto dormi dormire terra attenuata bentornato bentornata cortile terrazza balcone tetto scale cassetta bici
        cane gatto televisione radio altoparlante film notizie sport partita vinto perso previsioni temperature fresco
        secco umido bagnato leggero forte moderato sereno coperto nevica piove splende soffia sale scende rimane
        svegliati buon essere avere stato stata fare detto dire visto vedere andato andare venuto venire preso
        prendere dato messo mettere già subito forse davvero proprio esattamente quasi appena abbastanza soprattutto
        insieme quella quelle quei molti poco pochi altro altri nostro nostra arriverà arriva parte frigo congelatore
        cottura hai abbiamo devo vuole
        ok okay aprendo chiudendo bloccando sbloccando bloccato bloccata sbloccato sbloccata avvio fermato fermata
        ripreso ripresa riproduco riprendo annullato annullata cancellato aggiunto aggiunta rimosso rimossa salvato
        cerco collegamento silenziato ripristinato momento istante attimo nessuno qualcuno nessuna sto stanno plafoniera
        lampadario comodino lavanderia soffitta vialetto tende tapparelle ascensore guasto guasta raggiunto superato
        attendi timer tagliaerba successivo precedente solamente quando usi d'accordo accordo registro
    """,
    "pt": """
        o a os as um uma entendi uns umas e ou mas é são era eram será está estão estava tem têm tinha eu tu ele ela
        nós eles você vocês meu minha seu sua me te se não sim também só muito com de do da dos das ao à aos às em no
        na nos nas por pelo pela para sem sobre entre até desde como que quem onde quando porque aqui ali agora hoje
        amanhã ontem favor obrigado obrigada olá oi bom boa dia tarde noite certo pronto feito há posso pode acende
        acender acesa aceso acesas ligue ligar ligada ligado ligadas desligue desligada desligado desligadas apagada
        luz luzes lâmpada cozinha sala quarto banheiro casa banho corredor escritório jardim porão aquecimento
        temperatura tempo ensolarado nublado chuva neve vento fora dentro aberta aberto fechada fechado porta janela
        persiana garagem máquina lavar terminou minutos horas segundos segunda terça quarta quinta sexta feira sábado
        domingo janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro alarme música
        compras leite pão ovos mensagem nova novo consumo graus cento euros reais faz calor frio mais menos tudo outra
        vez bateria fraca erro desculpe claro tchau hora minuto segundo semana esta este isso vai lá senhor senhora
        doutor doutora mãe pai criança crianças apartamento andar teto chão parede tomada interruptor dispositivo
        dispositivos sensor movimento detectado câmera campainha correio pacote lixo reunião compromisso dentista
        médico férias feriado aniversário ar umidade humidade pressão luminosidade partículas poeira tempestade
        neblina sol nascer pôr céu potência tensão carga carregada carregando custa custam preço número chamada chame
        veja página guia configurações canção estação volume pausa pare continue voltar viagem dura caminho trem
        comboio ônibus autocarro carro trânsito trabalho escola comida receita ingredientes farinha açúcar manteiga
        água café chá abra abre feche fecha começa começar inicia coloque diga diz pergunta resposta ajuda mostre
        traga vem vêm vou vais vamos sair quero quer preciso precisa vivem pessoas mundo país cidade rua dois duas
        três quatro cinco seis sete oito nove dez onze doze primeiro primeira última último próximo próxima cada algo
        nada nunca sempre vezes depois antes enquanto porém então encontrado conectado conectada desconectado
        disponível atualizado ativo ativa ativado automaticamente vermelho verde azul amarelo branco preto escuro
        grande pequeno alto baixo rápido lento longo curto semanas meses ano anos faltam falta restam adicione escreva
        saiu resultado finas dra arquivo ocupa conexão vale pi valor chegaram chegou maçãs leva definido definida
        nosso nossa quanto reprodução tocando lembrete manhã madrugada meia esperados choveram choveu sopra ficou fica
        pôde num numa dum duma saldo deve barato caro modo entrada saída fatura conta entrega sinal resta problema
        problemas robô limpando jantar louças louça ainda funcionando cortinas cortina fechadas compreendo entender
        repita repetir ventilador nível fumaça fumo fogo gás ajudar radiador aquecedor carregamento concluído
        concluída logo durma dormir luminária reduzida bem-vindo bem-vinda quintal terraço varanda telhado escada
        bicicleta cachorro cão gato televisão rádio coluna filme notícias esportes jogo ganhou perdeu previsão
        temperaturas quente fresco seco úmido molhado leve forte moderado limpo encoberto neva chove brilha esperado
        sobe desce permanece acorde ser ter sido fazer dito dizer visto ver ido ir vindo vir tomado dado posto já
        breve imediatamente talvez realmente justo exatamente quase mal bastante principalmente juntos sozinho essa
        esse isto aquele muita muitos pouco poucos outro outros chegará chega sai forno geladeira congelador cozinhar
        tenho temos foi dela dele
        ok okay abrindo fechando trancando destrancando trancado trancada destrancado iniciando iniciado parando parado
        pausando pausado retomando retomado voltando continuando cancelando cancelado adicionado removido salvo
        procurando conectando silenciado restaurado momento instante ninguém alguém nenhum nenhuma entendido chefe
        quebrado quebrada elevador recebido alterado ligados desligados limpeza ventiladores temporizador lembrete
        plafon cabeceira lavanderia sótão persianas toldo atingido ultrapassado aguarde aguardando som abra veja
    """,
}

WORDS: Final[dict[str, tuple[str, ...]]] = {}
for _code, _words in _LISTS.items():
    for _word in set(_words.split()):
        WORDS[_word] = (*WORDS.get(_word, ()), _code)

# Endings and clusters of letters that one language loves, for words no list has.
SHAPES: Final = (
    (r"(?:ung|heit|keit|schaft|lich|isch|chen)(?:en)?\b|sch|\bge\w++(?<=t)|(?<=\w{5})(?:zeug|raum|gerät|stärke)", "de"),
    (r"(?:ing|ness|ful|ght|tly)\b|wh|ck\b|\w'(?:s|re|ve|ll|t)\b", "en"),
    (r"(?:ción|ciones|dad|mente|ando|iendo|illa|illo|uela)\b|ñ|rr[aeiou]", "es"),
    (
        r"(?:eau|eaux|eux|euse|tion|ment|ette|aient|ez|ée|ées|ique|oir|age)\b|\b(?:qu|c|n|s|j)['’]|oeu|œu|aill|eill|ouill",
        "fr",
    ),
    (
        r"(?:zione|zioni|mento|menti|tà|ella|ello|ino|ina|etto|etta|iamo|ato|ata|uto|uta|ezza)\b|gli|zz|cch|ggi|cci|gg[aeiou]|\bdell|\bnell",
        "it",
    ),
    (r"(?:ção|ções|dade|mente|inho|inha|ndo|ões|ão|ém|agem|eira|eiro)\b|lh|nh|^os? (?=\w)", "pt"),
)

# Letters only some of the six write. ``ç`` is French and Portuguese, ``é`` and ``á`` tell nothing alone.
LETTERS: Final[dict[str, tuple[str, ...]]] = {
    "ß": ("de",),
    "ä": ("de",),
    "ö": ("de",),
    "ü": ("de",),
    "ñ": ("es",),
    "¿": ("es",),
    "¡": ("es",),
    "ã": ("pt",),
    "õ": ("pt",),
    "ç": ("fr", "pt"),
    "ê": ("fr", "pt"),
    "â": ("fr", "pt"),
    "ô": ("fr", "pt"),
    "œ": ("fr",),
    "è": ("fr", "it"),
    "ù": ("fr", "it"),
    "î": ("fr",),
    "û": ("fr",),
    "ï": ("fr",),
    "ë": ("fr",),
    "ò": ("it",),
    "ì": ("it",),
    "à": ("fr", "it", "pt"),
    "í": ("es", "pt"),
    "ó": ("es", "pt"),
    "ú": ("es", "pt"),
    "á": ("es", "pt"),
}
