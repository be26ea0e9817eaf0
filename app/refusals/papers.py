"""What is refused of papers, files, faces and numbers that stand for a person."""

from app.http import octets
from app.papers import scanning
from app.refusals.refusal import Refusal
from kyc.identifiers import identifier
from kyc.papers import face, file, paper, refusal

REFUSALS: dict[type[Exception], Refusal] = {
    face.AttemptsSpent: Refusal(409, "face_attempts_spent"),
    face.NoPortrait: Refusal(409, "no_portrait"),
    face.NotShown: Refusal(409, "face_not_shown"),
    face.SessionOpen: Refusal(409, "face_session_open"),
    face.SessionOver: Refusal(409, "face_session_over"),
    face.UnknownSession: Refusal(404, "not_found"),
    file.NotUsable: Refusal(409, "file_not_usable"),
    file.TooManyFiles: Refusal(409, "too_many_files"),
    file.UnknownFile: Refusal(404, "not_found"),
    identifier.AlreadyNamed: Refusal(409, "identifier_named"),
    identifier.BadNumber: Refusal(422, "bad_identifier"),
    identifier.TooManyIdentifiers: Refusal(409, "too_many_identifiers"),
    identifier.UnknownIdentifier: Refusal(404, "not_found"),
    octets.DigestNeeded: Refusal(400, "content_digest_needed"),
    octets.OtherDigest: Refusal(400, "content_digest_other"),
    octets.NotOctets: Refusal(415, "unsupported_media_type_octets"),
    paper.Judged: Refusal(409, "paper_judged"),
    paper.NotYet: Refusal(422, "paper_not_yet"),
    paper.TooManyPapers: Refusal(409, "too_many_papers"),
    paper.UnknownPaper: Refusal(404, "not_found"),
    refusal.NotTaken: Refusal(422, "file_not_taken"),
    scanning.InfectedFile: Refusal(422, "file_infected"),
    scanning.NotScanned: Refusal(503, "file_not_scanned", retry_after_s=10),
}
