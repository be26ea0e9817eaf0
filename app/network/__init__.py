"""The lines to card networks: `eresidency link`, a process of its own that answers ISO 8583 over TCP.

serves     app/network/serving.py    the process: lines, health and metrics, the end
listens    app/network/session.py    one connection: frames, sign-on, echo, bounds
answers    app/network/office.py     what each telegram becomes
books      app/cards/swiping.py      Till.book, in batches
stands in  app/network/standin.py    while the books can't be asked
"""
