"""Countries as lists write them, as ISO 3166-1 alpha-3: by both codes, by the names that OFAC and the UN use."""

import re

_TABLE = """
AFG AF Afghanistan; ALB AL Albania; DZA DZ Algeria; AND AD Andorra; AGO AO Angola; ATG AG Antigua and Barbuda
ARG AR Argentina; ARM AM Armenia; AUS AU Australia; AUT AT Austria; AZE AZ Azerbaijan; BHS BS Bahamas; BHR BH Bahrain
BGD BD Bangladesh; BRB BB Barbados; BLR BY Belarus; BEL BE Belgium; BLZ BZ Belize; BEN BJ Benin; BTN BT Bhutan
BOL BO Bolivia, Plurinational State of Bolivia; BIH BA Bosnia and Herzegovina; BWA BW Botswana; BRA BR Brazil
BRN BN Brunei, Brunei Darussalam; BGR BG Bulgaria; BFA BF Burkina Faso; BDI BI Burundi; CPV CV Cabo Verde, Cape Verde
KHM KH Cambodia; CMR CM Cameroon; CAN CA Canada; CAF CF Central African Republic; TCD TD Chad; CHL CL Chile
CHN CN China, People's Republic of China; COL CO Colombia; COM KM Comoros; COG CG Congo, Republic of the Congo
COD CD Democratic Republic of the Congo; CRI CR Costa Rica; CIV CI Cote d'Ivoire, Ivory Coast; HRV HR Croatia
CUB CU Cuba; CYP CY Cyprus; CZE CZ Czech Republic, Czechia; DNK DK Denmark; DJI DJ Djibouti; DMA DM Dominica
DOM DO Dominican Republic; ECU EC Ecuador; EGY EG Egypt; SLV SV El Salvador; GNQ GQ Equatorial Guinea; ERI ER Eritrea
EST EE Estonia; SWZ SZ Eswatini, Swaziland; ETH ET Ethiopia; FJI FJ Fiji; FIN FI Finland; FRA FR France; GAB GA Gabon
GMB GM Gambia; GEO GE Georgia; DEU DE Germany; GHA GH Ghana; GRC GR Greece; GRD GD Grenada; GTM GT Guatemala
GIN GN Guinea; GNB GW Guinea-Bissau; GUY GY Guyana; HTI HT Haiti; HND HN Honduras; HKG HK Hong Kong; HUN HU Hungary
ISL IS Iceland; IND IN India; IDN ID Indonesia; IRN IR Iran, Islamic Republic of Iran; IRQ IQ Iraq; IRL IE Ireland
ISR IL Israel; ITA IT Italy; JAM JM Jamaica; JPN JP Japan; JOR JO Jordan; KAZ KZ Kazakhstan; KEN KE Kenya
KIR KI Kiribati; PRK KP North Korea, Democratic People's Republic of Korea; KOR KR South Korea, Republic of Korea
RKS XK Kosovo; KWT KW Kuwait; KGZ KG Kyrgyzstan; LAO LA Laos, Lao People's Democratic Republic; LVA LV Latvia
LBN LB Lebanon; LSO LS Lesotho; LBR LR Liberia; LBY LY Libya; LIE LI Liechtenstein; LTU LT Lithuania
LUX LU Luxembourg; MAC MO Macau; MDG MG Madagascar; MWI MW Malawi; MYS MY Malaysia; MDV MV Maldives; MLI ML Mali
MLT MT Malta; MHL MH Marshall Islands; MRT MR Mauritania; MUS MU Mauritius; MEX MX Mexico; FSM FM Micronesia
MDA MD Moldova, Republic of Moldova; MCO MC Monaco; MNG MN Mongolia; MNE ME Montenegro; MAR MA Morocco
MOZ MZ Mozambique; MMR MM Myanmar, Burma; NAM NA Namibia; NRU NR Nauru; NPL NP Nepal; NLD NL Netherlands
NZL NZ New Zealand; NIC NI Nicaragua; NER NE Niger; NGA NG Nigeria
MKD MK North Macedonia, Republic of North Macedonia; NOR NO Norway; OMN OM Oman; PAK PK Pakistan; PLW PW Palau
PSE PS Palestine, State of Palestine, Palestinian, Region: Gaza; PAN PA Panama; PNG PG Papua New Guinea
PRY PY Paraguay; PER PE Peru; PHL PH Philippines; POL PL Poland; PRT PT Portugal; QAT QA Qatar; ROU RO Romania
RUS RU Russia, Russian Federation; RWA RW Rwanda; KNA KN Saint Kitts and Nevis; LCA LC Saint Lucia
VCT VC Saint Vincent and the Grenadines; WSM WS Samoa; SMR SM San Marino; STP ST Sao Tome and Principe
SAU SA Saudi Arabia; SEN SN Senegal; SRB RS Serbia; SYC SC Seychelles; SLE SL Sierra Leone; SGP SG Singapore
SVK SK Slovakia; SVN SI Slovenia; SLB SB Solomon Islands; SOM SO Somalia; ZAF ZA South Africa; SSD SS South Sudan
ESP ES Spain; LKA LK Sri Lanka; SDN SD Sudan; SUR SR Suriname; SWE SE Sweden; CHE CH Switzerland
SYR SY Syria, Syrian Arab Republic; TWN TW Taiwan; TJK TJ Tajikistan; TZA TZ Tanzania, United Republic of Tanzania
THA TH Thailand; TLS TL Timor-Leste, East Timor; TGO TG Togo; TON TO Tonga; TTO TT Trinidad and Tobago; TUN TN Tunisia
TUR TR Turkey, Türkiye; TKM TM Turkmenistan; TUV TV Tuvalu; UGA UG Uganda; UKR UA Ukraine; ARE AE United Arab Emirates
GBR GB United Kingdom, United Kingdom of Great Britain and Northern Ireland; URY UY Uruguay; VUT VU Vanuatu
USA US United States, United States of America; UZB UZ Uzbekistan; VAT VA Holy See; VEN VE Venezuela
VNM VN Vietnam, Viet Nam; YEM YE Yemen; ZMB ZM Zambia; ZWE ZW Zimbabwe
"""
#: Passports say more than ISO: Germany is one letter, Kosovo has two codes.
_CODES = {"D": "DEU", "XKX": "RKS", "XK": "RKS", "ROM": "ROU", "ZAR": "COD"}
_ASIDE = re.compile(r"\(.*?\)|\bthe\b|[^\w ]")


def _plain(name: str) -> str:
    return " ".join(sorted(_ASIDE.sub(" ", name.casefold()).split()))


_BY_NAME: dict[str, str] = {}
for _entry in _TABLE.replace("\n", ";").split(";"):
    if _entry.strip():
        _long, _short, _names = _entry.split(maxsplit=2)
        _CODES |= {_long: _long, _short: _long}
        _BY_NAME |= {_plain(_name): _long for _name in _names.split(", ")}


def code(text: str) -> str:
    """Give the alpha-3 code of a country that is named or coded; empty where it is no country of today."""
    said = text.strip()
    if (known := _CODES.get(said.upper())) is not None:
        return known
    return _BY_NAME.get(_plain(said)) or _BY_NAME.get(_plain(said.removeprefix("possibly "))) or _of_parts(said)


def _of_parts(said: str) -> str:
    """`Korea, North` and `Iran (Islamic Republic of)` are known by their words in any order."""
    words = set(re.sub(r"[^\w ]", " ", said.casefold()).split()) - {"the"}
    return next((found for name, found in _BY_NAME.items() if set(name.split()) - {"of"} == words - {"of"}), "")
