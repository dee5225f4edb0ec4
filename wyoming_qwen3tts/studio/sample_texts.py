"""What a designed voice says first: the reference that it is spoken by ever after. Six to nine seconds, no numbers,
statements and a question, so that the voice shows its melody."""

DESIGN_TEXTS = {
    "de": "Guten Abend. Das Licht in der Küche ist noch an, und die Haustür ist abgeschlossen. Soll ich das Fenster im "
    "Wohnzimmer schließen, bevor es heute Nacht regnet?",
    "en": "Good evening. The light in the kitchen is still on, and the front door is locked. Shall I close the window "
    "in the living room before it rains tonight?",
    "es": "Buenas noches. La luz de la cocina sigue encendida y la puerta de casa está cerrada. ¿Quieres que cierre la "
    "ventana del salón antes de que llueva esta noche?",
    "fr": "Bonsoir. La lumière de la cuisine est encore allumée, et la porte d'entrée est fermée à clé. Dois-je fermer "
    "la fenêtre du salon avant qu'il ne pleuve cette nuit ?",
    "it": "Buonasera. La luce in cucina è ancora accesa e la porta di casa è chiusa a chiave. Devo chiudere la "
    "finestra del soggiorno prima che stanotte piova?",
    "ja": "こんばんは。キッチンの電気がまだついていて、玄関の鍵は閉まっています。今夜は雨が降りそうですが、"
    "リビングの窓を閉めましょうか？",
    "ko": "안녕하세요. 부엌 불이 아직 켜져 있고 현관문은 잠겨 있습니다. 오늘 밤 비가 오기 전에 거실 창문을 "
    "닫아 드릴까요?",
    "pt": "Boa noite. A luz da cozinha ainda está acesa e a porta da frente está trancada. Quer que eu feche a janela "
    "da sala antes que chova esta noite?",
    "ru": "Добрый вечер. На кухне ещё горит свет, а входная дверь заперта. Закрыть окно в гостиной, пока ночью не "
    "начался дождь?",
    "zh": "晚上好。厨房的灯还开着，大门已经锁好了。今天夜里可能会下雨，要不要我先把客厅的窗户关上？",
}
