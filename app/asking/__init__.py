"""Questions about documents and names on the command line, answered by the same code that decides about residents.

eresidency mrz LINE…                      a machine readable zone              app/asking/documents.py
eresidency passport --sod F …             the files of a passport's chip       app/asking/documents.py
eresidency issuance receipt | growth …    the issuance log                     app/asking/issuance.py
eresidency packs lint | conflicts | show  the rules of countries for papers       app/asking/packs.py
eresidency present FILE --bundle F …       a presentation, without a network  app/asking/presentations.py
eresidency screen --name … --list F …     a name in lists                      app/asking/names.py
eresidency names PAIRS.csv                how far pairs of names are one       app/asking/names.py
eresidency qr CODE --root ROOT …          a printed code of the ID              app/asking/printed.py

The answer is one JSON object on the standard output. They ask no database and no settings, and answer alike without the
rest of the application: python -m app.asking mrz LINE…

0: in order. 1: answered, and something is not in order. 2: could not be asked; the last line on stderr says why.
"""
