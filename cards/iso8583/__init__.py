"""The dialect of ISO 8583:1987 that card networks speak to us: text in ASCII, bitmaps and cryptography in binary.

frames     app/network/session.py       bytes off a socket, one telegram each
reads      cards/iso8583/telegram.py    read(), write()      strict: what is not a field of ours is no telegram
knows      cards/iso8583/flow.py        FLOWS                which type is answered by which, and what each must say
names      cards/iso8583/names.py       lifecycle(), element()
means      cards/iso8583/meaning.py     told()               a telegram in the words of cards/payments/message.py
answers    cards/iso8583/reply.py       decided(), taken()

Nothing here opens a socket, reads a clock or keeps a card number.
"""
