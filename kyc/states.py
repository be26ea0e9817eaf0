"""Who issues passports and whose nationals people are: the three-letter codes of ICAO Doc 9303-3, section 5.

Most are ISO 3166-1; Germany is D, and some issuers are no states. Beside each code stands the two-letter code that the
same issuer's certificates carry, by which a chip is matched to its authority.
"""

import enum

_ISO = """
    ABW:AW AFG:AF AGO:AO AIA:AI ALA:AX ALB:AL AND:AD ARE:AE ARG:AR ARM:AM ASM:AS ATA:AQ ATF:TF ATG:AG AUS:AU AUT:AT
    AZE:AZ BDI:BI BEL:BE BEN:BJ BES:BQ BFA:BF BGD:BD BGR:BG BHR:BH BHS:BS BIH:BA BLM:BL BLR:BY BLZ:BZ BMU:BM BOL:BO
    BRA:BR BRB:BB BRN:BN BTN:BT BVT:BV BWA:BW CAF:CF CAN:CA CCK:CC CHE:CH CHL:CL CHN:CN CIV:CI CMR:CM COD:CD COG:CG
    COK:CK COL:CO COM:KM CPV:CV CRI:CR CUB:CU CUW:CW CXR:CX CYM:KY CYP:CY CZE:CZ DJI:DJ DMA:DM DNK:DK DOM:DO DZA:DZ
    ECU:EC EGY:EG ERI:ER ESH:EH ESP:ES EST:EE ETH:ET FIN:FI FJI:FJ FLK:FK FRA:FR FRO:FO FSM:FM GAB:GA GBR:GB GEO:GE
    GGY:GG GHA:GH GIB:GI GIN:GN GLP:GP GMB:GM GNB:GW GNQ:GQ GRC:GR GRD:GD GRL:GL GTM:GT GUF:GF GUM:GU GUY:GY HKG:HK
    HMD:HM HND:HN HRV:HR HTI:HT HUN:HU IDN:ID IMN:IM IND:IN IOT:IO IRL:IE IRN:IR IRQ:IQ ISL:IS ISR:IL ITA:IT JAM:JM
    JEY:JE JOR:JO JPN:JP KAZ:KZ KEN:KE KGZ:KG KHM:KH KIR:KI KNA:KN KOR:KR KWT:KW LAO:LA LBN:LB LBR:LR LBY:LY LCA:LC
    LIE:LI LKA:LK LSO:LS LTU:LT LUX:LU LVA:LV MAC:MO MAF:MF MAR:MA MCO:MC MDA:MD MDG:MG MDV:MV MEX:MX MHL:MH MKD:MK
    MLI:ML MLT:MT MMR:MM MNE:ME MNG:MN MNP:MP MOZ:MZ MRT:MR MSR:MS MTQ:MQ MUS:MU MWI:MW MYS:MY MYT:YT NAM:NA NCL:NC
    NER:NE NFK:NF NGA:NG NIC:NI NIU:NU NLD:NL NOR:NO NPL:NP NRU:NR NZL:NZ OMN:OM PAK:PK PAN:PA PCN:PN PER:PE PHL:PH
    PLW:PW PNG:PG POL:PL PRI:PR PRK:KP PRT:PT PRY:PY PSE:PS PYF:PF QAT:QA REU:RE ROU:RO RUS:RU RWA:RW SAU:SA SDN:SD
    SEN:SN SGP:SG SGS:GS SHN:SH SJM:SJ SLB:SB SLE:SL SLV:SV SMR:SM SOM:SO SPM:PM SRB:RS SSD:SS STP:ST SUR:SR SVK:SK
    SVN:SI SWE:SE SWZ:SZ SXM:SX SYC:SC SYR:SY TCA:TC TCD:TD TGO:TG THA:TH TJK:TJ TKL:TK TKM:TM TLS:TL TON:TO TTO:TT
    TUN:TN TUR:TR TUV:TV TWN:TW TZA:TZ UGA:UG UKR:UA UMI:UM URY:UY USA:US UZB:UZ VAT:VA VCT:VC VEN:VE VGB:VG VIR:VI
    VNM:VN VUT:VU WLF:WF WSM:WS YEM:YE ZAF:ZA ZMB:ZM ZWE:ZW
"""
_ICAO = {
    "D": "DE",
    "GBD": "GB",  # British overseas territories citizen
    "GBN": "GB",  # British national (overseas)
    "GBO": "GB",  # British overseas citizen
    "GBP": "GB",  # British protected person
    "GBS": "GB",  # British subject
    "EUE": "EU",
    "RKS": "KS",  # Kosovo: both published lists carry KS
    "UNO": "UN",
    "UNA": "UN",
    "UNK": "UN",
    "UTO": "UT",  # Utopia, for specimens
}
# Issuers without a two-letter code of their own, and nationalities of people without a state.
_OTHERS = frozenset(
    {"XBA", "XIM", "XCC", "XCE", "XCO", "XEC", "XPO", "XES", "XMP", "XOM", "XDC", "XXA", "XXB", "XXC", "XXX"}
)

_ALPHA3 = {"D": "DEU"} | dict.fromkeys(("GBD", "GBN", "GBO", "GBP", "GBS"), "GBR")
# The two regions sign as parts of China: so do all their authorities on the published lists.
_SIGNING = {"HKG": frozenset({"CN", "HK"}), "MAC": frozenset({"CN", "MO"})}

_LETTERS = dict(pair.split(":") for pair in _ISO.split()) | _ICAO


class Nationality(enum.StrEnum):
    """What a nationality means for e-residency, which is for people who are not citizens of Kazakhstan."""

    CITIZEN = "citizen"
    FOREIGN = "foreign"
    STATELESS = "stateless"
    REFUGEE = "refugee"
    UNSPECIFIED = "unspecified"


_CLASSES = {
    "KAZ": Nationality.CITIZEN,
    "XXA": Nationality.STATELESS,  # 1954 Convention
    "XXB": Nationality.REFUGEE,  # 1951 Convention
    "XXC": Nationality.REFUGEE,  # other than defined under XXB
    "XXX": Nationality.UNSPECIFIED,
}


def known(code: str) -> bool:
    """Whether `code` stands for a state, an organisation or a kind of statelessness."""
    return code in _LETTERS or code in _OTHERS


def signing(code: str) -> frozenset[str]:
    """Give the two letters that certificates of the issuer `code` may carry; none where it has none."""
    return _SIGNING.get(code) or frozenset({_LETTERS[code]} if code in _LETTERS else ())


def alpha3(code: str) -> str:
    """Give the ISO 3166 code of three letters for a code of the MRZ; what is no state's stays as it is."""
    return _ALPHA3.get(code, code)


def letters(code: str) -> str | None:
    """Give the two letters in certificates of the issuer `code`; None where it has none."""
    return _LETTERS.get(code)


def nationality(code: str) -> Nationality:
    """Classify a nationality as the MRZ gives it."""
    return _CLASSES.get(code, Nationality.FOREIGN)
