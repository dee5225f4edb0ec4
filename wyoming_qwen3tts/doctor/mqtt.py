"""The broker: reached, and let in."""

from __future__ import annotations

import asyncio
import ssl

from ..errors import SettingsError, first_line
from ..homeassistant.supervisor import MqttService, Supervisor, SupervisorError
from ..servers.mqtt.tls import tls_context
from ..settings import Mqtt
from .checks import Check, CheckContext, fine, wrong

_NAME = "MQTT"
_ANSWER_S = 5.0


def check(place: CheckContext) -> list[Check]:
    return [asyncio.run(_check(place.settings.mqtt, place.supervisor))]


async def _check(mqtt: Mqtt, supervisor: Supervisor | None) -> Check:
    if mqtt.host:
        port = mqtt.port or (8883 if mqtt.tls else 1883)
        password = mqtt.password.get_secret_value()
        return await _connected(mqtt, MqttService(mqtt.host, port, mqtt.username, password, mqtt.tls))
    if supervisor is None:
        return fine(_NAME, "off (mqtt.host)")
    try:
        service = await supervisor.mqtt_service()
    except SupervisorError as error:
        return wrong(_NAME, str(error), "Restart the add-on; if that does not help, name the broker in mqtt.host")
    if service is None:
        return fine(_NAME, "no broker; install the Mosquitto add-on to publish announcements")
    return await _connected(mqtt, service)


async def _connected(mqtt: Mqtt, service: MqttService) -> Check:
    try:
        context = tls_context(mqtt) if service.ssl else None
    except SettingsError as error:
        return wrong(_NAME, str(error), "Correct the name of the file, or the file")
    return await _let_in(service, context)


async def _let_in(service: MqttService, context: ssl.SSLContext | None) -> Check:
    import aiomqtt

    where = f"{service.host}:{service.port}"
    try:
        async with asyncio.timeout(_ANSWER_S):
            client = aiomqtt.Client(
                service.host,
                service.port,
                username=service.username or None,
                password=service.password or None,
                tls_context=context,
            )
            async with client:
                return fine(_NAME, f"{where} lets us in" + (", encrypted" if context else ""))
    except aiomqtt.MqttCodeError as error:
        return wrong(_NAME, f"{where} refused: {error}", "Correct mqtt.username and mqtt.password")
    except (aiomqtt.MqttError, OSError) as error:
        why = "no answer" if isinstance(error, TimeoutError) else first_line(error)
        fix = "Start the broker, or correct mqtt.host, mqtt.port, mqtt.tls, mqtt.ca and mqtt.certificate"
        return wrong(_NAME, f"{where} cannot be reached: {why}", fix)
