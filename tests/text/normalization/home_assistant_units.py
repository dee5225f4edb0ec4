"""The units of Home Assistant 2026.2.3: every symbol of its ``UnitOf...`` enumerations and unit constants."""

from typing import Final

SYMBOLS: Final = (
    "mVA|VA|kVA|mW|W|kW|MW|GW|TW|BTU/h|mvar|var|kvar|J|kJ|MJ|GJ|mWh|Wh|kWh|MWh|GWh|TWh|cal|kcal|Mcal|Gcal|varh|kvarh"
    "|kWh/100km|Wh/km|mi/kWh|km/kWh|mA|A|μV|mV|V|kV|MV|°|°C|°F|K|μs|ms|s|min|h|d|w|m|y|mm|cm|km|in|ft|yd|mi|nmi"
    "|Hz|kHz|MHz|GHz|mPa|Pa|hPa|kPa|bar|cbar|mbar|mmHg|inHg|inH₂O|psi|dB|dBA|ft³|CCF|MCF|m³|L|mL|gal|fl. oz."
    "|m³/h|m³/min|m³/s|ft³/min|L/h|L/min|L/s|gal/h|gal/min|gal/d|mL/s|m²|cm²|km²|mm²|in²|ft²|yd²|mi²|ac|ha"
    "|g|kg|mg|μg|oz|lb|st|S/cm|μS/cm|mS/cm|lx|UV index|%|rpm|W/m²|BTU/(h⋅ft²)|in/d|in/h|mm/d|mm/h"
    "|g/m³|mg/m³|μg/m³|μg/ft³|p/m³|ppm|ppb|mg/dL|mmol/L|Beaufort|ft/s|in/s|m/min|m/s|km/h|kn|mph|mm/s|dBm"
    "|bit|kbit|Mbit|Gbit|B|kB|MB|GB|TB|PB|EB|ZB|YB|KiB|MiB|GiB|TiB|PiB|EiB|ZiB|YiB"
    "|bit/s|kbit/s|Mbit/s|Gbit/s|B/s|kB/s|MB/s|GB/s|KiB/s|MiB/s|GiB/s"
).split("|")
