"""The keys that make a card provable, and the machine that alone may use them.

port.py          Hsm: what such a machine is asked, by the name of a key and never with a key
soft.py          SoftHsm: the same in memory, its keys wrapped by proof/kms.py and kept by store.py
verification.py  CVV, CVV2, iCVV, CVV2 of the moment; PVV
pinblock.py      ISO 9564 formats 0, 3 and 4
emv.py, tlv.py   card keys, session keys, ARQC, ARPC; field 55
keyblock.py      TR-31 B and D: how keys travel
des.py           the old cipher all but format 4 and block D are made of
"""
