"""The resident's ID as a signed credential: what it says, who signed it, whom it is bound to, whether it still holds.

Pure parts (SD-JWT, status list, certificates, key proofs) know no database; verbs take the open connection first.
Personal data come in as a value (`dataset.Resident`) and leave inside the credential: nothing of them is stored here.
"""
