"""What the proofs of a card refuse: its number, its PIN, its tokens, its challenges; and its payments."""

from app import card_letters
from app.refusals.refusal import Refusal
from cards import challenge, pin, reading, reveal, token
from cards.hsm import letter, pinblock, port

REFUSALS: dict[type[Exception], Refusal] = {
    card_letters.BadDeviceKey: Refusal(422, "bad_device_key"),
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
    reading.UnknownPayment: Refusal(404, "not_found"),
    challenge.UnknownChallenge: Refusal(404, "not_found"),
    challenge.ChallengeAnswered: Refusal(409, "challenge_answered"),
    challenge.ChallengeExpired: Refusal(409, "challenge_expired"),
    challenge.CardUnusable: Refusal(409, "card_unusable"),
    challenge.TooManyChallenges: Refusal(429, "too_many_challenges"),
    challenge.OtherChallenge: Refusal(409, "challenge_taken"),
}
