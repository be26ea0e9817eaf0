"""What the proofs of a card refuse: its number, its PIN, its tokens, its challenges; and its payments."""

from app.cards import letters
from app.refusals.refusal import Refusal
from cards.hsm import letter, pinblock, port
from cards.payments import allowance, reading
from cards.programme import permission
from cards.proofs import challenge, pin, reveal, token

REFUSALS: dict[type[Exception], Refusal] = {
    letters.BadDeviceKey: Refusal(422, "bad_device_key"),
    reveal.LookSpent: Refusal(409, "look_spent"),
    reveal.TooManyLooks: Refusal(429, "too_many_looks"),
    letter.BadLetter: Refusal(422, "bad_letter"),
    pinblock.BadBlock: Refusal(422, "bad_pin_block"),
    port.WeakPin: Refusal(422, "weak_pin"),
    port.UnknownKey: Refusal(409, "no_such_key"),
    pin.PinNotSet: Refusal(409, "pin_not_set"),
    pin.PinNotBlocked: Refusal(409, "pin_not_blocked"),
    token.UnknownToken: Refusal(404, "not_found"),
    token.WrongTokenState: Refusal(409, "token_state"),
    token.OtherToken: Refusal(409, "token_reference_taken"),
    token.ShopUnnamed: Refusal(422, "token_shop"),
    allowance.AllowedBefore: Refusal(409, "payment_allowed_before"),
    allowance.NothingToAllow: Refusal(409, "nothing_to_allow"),
    permission.TooManyTrips: Refusal(409, "too_many_trips"),
    reading.UnknownPayment: Refusal(404, "not_found"),
    challenge.UnknownChallenge: Refusal(404, "not_found"),
    challenge.ChallengeAnswered: Refusal(409, "challenge_answered"),
    challenge.ChallengeExpired: Refusal(409, "challenge_expired"),
    challenge.CardUnusable: Refusal(409, "card_unusable"),
    challenge.TooManyChallenges: Refusal(429, "too_many_challenges"),
    challenge.OtherChallenge: Refusal(409, "challenge_taken"),
}
