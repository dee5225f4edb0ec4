"""Small words and letters that give a Latin-script language away in a text too short for statistics.

Function words, greetings and the nouns of a home; own lists. A word in several lists counts less for each of them.
"""

from typing import Final

_LISTS: Final = {
    "de": """
        der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren wird werden wurde hat haben hatte ich du
        er sie es wir ihr mich dich sich uns euch mein dein sein ihre nicht kein keine auch nur noch schon sehr mit von zu zum zur im in am
        an auf aus bei beim bis für gegen nach ohne über um unter vor wegen seit wie was wer wo wann warum wenn dass weil als so hier dort
        heute morgen gestern jetzt gleich bitte danke hallo guten tag abend nacht ja nein uhr grad prozent es gibt gibt kann kannst können
        soll muss mach mache schalte schalten licht lichter lampe küche wohnzimmer schlafzimmer badezimmer flur büro garten keller heizung
        temperatur wetter sonnig bewölkt regen schnee wind draußen drinnen an aus ein eingeschaltet ausgeschaltet offen geöffnet
        geschlossen tür haustür fenster rollladen garage waschmaschine fertig läuft erledigt verstanden gerne gern leider minuten stunden
        sekunden montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar märz mai juni juli oktober dezember alles klar
        okay wecker timer musik lauter leiser termin termine einkaufsliste milch brot eier und neue nachricht strom verbrauch beträgt liegt
        euro welche warm kalt kühl zurzeit aktuell momentan etwa rund viel wenig mehr weniger ganz wieder dein deine meine gute schönen
        bereit angeschaltet gestellt ausgeführt stunde minute sekunde geht macht steht achtung warnung fehler batterie schwach voll leer""",
    "en": """
        the a an and or but is are was were be been has have had i you he she it we they my your his her its our their not no yes do does did
        don't can can't could will would should to of in on at by for from with without about into over under after before until since
        as if when where why how what who which that this these those there here now today tomorrow yesterday please thanks thank hello
        hi hey good morning evening night ok okay sorry sure done turn turned turning switch set light lights lamp kitchen living room
        bedroom bathroom hallway office garden basement heating temperature weather sunny cloudy rain rainy snow wind outside inside off
        open opened closed door front window blinds garage washing machine finished running minutes hours seconds monday tuesday wednesday
        thursday friday saturday sunday january february march june july october december alarm timer music louder quieter event events
        shopping list milk bread eggs new message power consumption currently degrees percent dollars pounds warm cold cool
        around much many more less all again ready i'm it's that's you're there's welcome home away locked unlocked battery low full empty
        warning error been just your has the of hour minute second one two three day week""",
    "es": """
        el la los las un una unos unas y o pero es son era eran será está están estaba ha han había yo tú él ella nosotros ellos mi tu su me
        te se nos no sí si también solo muy con de del al a en por para sin sobre entre hasta desde hacia como qué quién dónde cuándo cómo
        porque cuando que aquí ahí ahora hoy mañana ayer por favor gracias hola buenos buenas días tardes noches vale listo lista hecho
        hay puedo puede puedes enciende encender encendida encendido apagada apagado apaga luz luces lámpara cocina salón dormitorio baño
        pasillo oficina jardín sótano calefacción temperatura tiempo soleado nublado lluvia lloverá nieve viento fuera dentro abierta
        abierto cerrada cerrado puerta ventana persiana garaje lavadora terminado minutos horas segundos lunes martes miércoles jueves
        viernes sábado domingo enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre alarma música
        compra leche pan huevos mensaje nuevo consumo grados ciento euros hace calor frío más menos todo otra vez quieres tiene tienes
        casa entiendo cuidado batería baja error lo siento claro adiós activada desactivada son las unos hora minuto segundo día semana""",
    "fr": """
        le la les l un une des du de d et ou mais est sont était étaient sera a ont avait je tu il elle nous vous ils elles mon ton son ma
        ta sa mes tes ses notre votre leur ne pas non oui aussi très avec au aux à en dans par pour sans sur sous entre jusqu vers chez
        comme que qui quoi où quand pourquoi comment parce si ici là maintenant aujourd hui aujourd'hui demain hier s'il plaît merci bonjour bonsoir
        salut bonne nuit soirée d'accord voilà c'est c est j'ai j'allume il y n'est qu'il peut peux pouvez allume allumer allumée allumé
        allumées éteins éteinte éteint éteintes lumière lumières lampe cuisine salon chambre salle bain couloir bureau jardin cave chauffage
        température météo ensoleillé nuageux pluie neige vent dehors dedans extérieur intérieur ouverte ouvert fermée fermé porte fenêtre
        volet volets garage machine laver terminée terminé minutes heures secondes lundi mardi mercredi jeudi vendredi samedi dimanche
        janvier février mars avril mai juin juillet août septembre octobre novembre décembre alarme minuteur musique courses lait
        pain œufs message nouveau nouvelle consommation degrés pour cent euros fait chaud froid plus moins tout tous encore prêt
        bien sûr désolé batterie faible erreur heure minute seconde jour semaine cette ce cet il l'alarme l'extérieur""",
    "it": """
        il lo la i gli le un uno una e o ma è sono era erano sarà ha hanno aveva io tu lui lei noi voi loro mio tuo suo mia tua sua mi ti si
        ci non no sì anche solo molto con di del della dello dei delle degli da dal dalla a al alla ai alle in nel nella nello nei nelle
        per senza su sul sulla tra fra fino come che chi cosa dove quando perché se qui là ora adesso oggi domani ieri favore grazie ciao
        buongiorno buonasera buonanotte va bene fatto c'è ci sono posso può puoi accendi accendere accesa acceso accese spegni spenta spento
        spente luce luci lampada cucina soggiorno camera letto bagno corridoio ufficio giardino cantina riscaldamento temperatura tempo
        soleggiato nuvoloso pioggia neve vento fuori dentro aperta aperto chiusa chiuso porta finestra tapparella lavatrice
        terminato finito minuti ore secondi lunedì martedì mercoledì giovedì venerdì sabato domenica gennaio febbraio marzo aprile maggio
        giugno luglio agosto settembre ottobre novembre dicembre sveglia allarme musica spesa latte pane uova messaggio nuovo nuova
        consumo gradi percento euro fa caldo freddo più meno tutto ancora pronto pronta casa batteria scarica errore mi dispiace certo
        ecco prego sta stai è l'allarme all'esterno ora minuto secondo giorno settimana questa questo buona notte attenzione ho capito""",
    "pt": """
        o a os as um uma entendi uns umas e ou mas é são era eram será está estão estava tem têm tinha eu tu ele ela nós eles você vocês meu minha
        seu sua me te se não sim também só muito com de do da dos das ao à aos às em no na nos nas por pelo pela para sem sobre entre até
        desde como que quem onde quando porque se aqui ali agora hoje amanhã ontem favor obrigado obrigada olá oi bom boa dia tarde noite
        certo pronto feito há posso pode acende acender acesa aceso acesas ligue ligar ligada ligado ligadas desligue desligada
        desligado desligadas apagada luz luzes lâmpada cozinha sala quarto banheiro casa banho corredor escritório jardim porão
        aquecimento temperatura tempo ensolarado nublado chuva neve vento fora dentro aberta aberto fechada fechado porta janela persiana
        garagem máquina lavar terminou minutos horas segundos segunda terça quarta quinta sexta feira sábado domingo janeiro fevereiro
        março abril maio junho julho agosto setembro outubro novembro dezembro alarme música compras leite pão ovos mensagem nova novo
        consumo graus cento euros reais faz calor frio mais menos tudo outra vez bateria fraca erro desculpe claro tchau hora minuto
        segundo semana esta este isso são vai está lá fora""",
}

WORDS: Final[dict[str, tuple[str, ...]]] = {}
for _code, _words in _LISTS.items():
    for _word in set(_words.split()):
        WORDS[_word] = (*WORDS.get(_word, ()), _code)

# Letters only some of the six write. ``ç`` is French and Portuguese, ``é`` and ``á`` tell nothing alone.
LETTERS: Final[dict[str, tuple[str, ...]]] = {
    "ß": ("de",), "ä": ("de",), "ö": ("de",), "ü": ("de",),
    "ñ": ("es",), "¿": ("es",), "¡": ("es",),
    "ã": ("pt",), "õ": ("pt",), "ç": ("fr", "pt"), "ê": ("fr", "pt"), "â": ("fr", "pt"), "ô": ("fr", "pt"),
    "œ": ("fr",), "è": ("fr", "it"), "ù": ("fr", "it"), "î": ("fr",), "û": ("fr",), "ï": ("fr",), "ë": ("fr",),
    "ò": ("it",), "ì": ("it",), "à": ("fr", "it", "pt"), "í": ("es", "pt"), "ó": ("es", "pt"), "ú": ("es", "pt"), "á": ("es", "pt"),
}  # fmt: skip
