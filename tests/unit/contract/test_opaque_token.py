"""`contract.opaque_token`: garbage is told apart without a database, and a token stays out of logs."""

import hashlib
import random
import re
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.opaque_token import mint, parse

SAME = settings(deadline=None, derandomize=True)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = mint("e", random.Random(1).randbytes)


class TestMint:
    def test_its_form_is_the_published_one(self):
        assert re.fullmatch(r"fwe1_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}", TOKEN.text)
        assert TOKEN.text[5:15] == TOKEN.id

    def test_its_last_six_characters_are_the_crc32_of_the_rest(self):
        number = 0
        for character in TOKEN.text[-6:]:
            number = number * 62 + ALPHABET.index(character)
        assert number == zlib.crc32(TOKEN.text[:-6].encode())

    @pytest.mark.parametrize("chance", [bytes, lambda size: b"\xff" * size])
    def test_the_extremes_of_chance_keep_the_form(self, chance):
        token = mint("e", chance)
        assert len(token.text) == len(TOKEN.text)
        assert parse("e", token.text) == token

    def test_no_bit_of_the_secret_is_lost(self):
        def chance(bit: int):
            return lambda size: bytes(size) if size == 8 else (1 << bit).to_bytes(size)

        assert len({mint("e", chance(bit)).text for bit in range(256)}) == 256

    def test_the_secret_takes_256_random_bits_that_the_id_does_not_show(self):
        sizes: list[int] = []

        def chance(size: int) -> bytes:
            sizes.append(size)
            return bytes(size)

        mint("e", chance)
        assert sizes == [8, 32]

    def test_the_secret_stays_out_of_repr(self):
        assert TOKEN.text not in repr(TOKEN)
        assert TOKEN.text[16:59] not in repr(TOKEN)
        assert TOKEN.id in repr(TOKEN)

    def test_what_is_kept_is_the_sha_256_of_the_whole_text(self):
        assert TOKEN.digest == hashlib.sha256(TOKEN.text.encode()).digest()


class TestParse:
    @SAME
    @given(st.integers(), st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    def test_every_minted_token_is_read_as_its_own_kind_only(self, seed: int, kind: str):
        token = mint(kind, random.Random(seed).randbytes)
        assert parse(kind, token.text) == token
        assert all(parse(other, token.text) is None for other in "ekm" if other != kind)

    @SAME
    @given(st.integers(0, len(TOKEN.text) - 1), st.sampled_from(ALPHABET + "_-"))
    def test_any_single_changed_character_is_noticed(self, place: int, character: str):
        altered = TOKEN.text[:place] + character + TOKEN.text[place + 1 :]
        assert (parse("e", altered) is None) == (altered != TOKEN.text)

    @pytest.mark.parametrize("place", range(len(TOKEN.text) - 1))
    def test_two_neighbours_swapped_are_noticed(self, place: int):
        altered = TOKEN.text[:place] + TOKEN.text[place + 1] + TOKEN.text[place] + TOKEN.text[place + 2 :]
        assert (parse("e", altered) is None) == (altered != TOKEN.text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "fwe1_",
            TOKEN.text[:-1],
            TOKEN.text[1:],
            TOKEN.text + "0",
            TOKEN.text + "\n",
            " " + TOKEN.text,
            TOKEN.text + " ",
            TOKEN.text.replace("fwe1", "fwe2"),
            TOKEN.text.replace("fwe1", "fwE1"),
            TOKEN.text.replace("fwe1", "fwe"),
            TOKEN.text.replace("_", "-"),
            TOKEN.text.lower(),
            TOKEN.text.upper(),
            f"Bearer {TOKEN.text}",
            TOKEN.text + TOKEN.text,
            TOKEN.text[:20] + "\N{FULLWIDTH DIGIT ONE}" + TOKEN.text[21:],
        ],
    )
    def test_what_is_no_token_is_none(self, text: str):
        assert parse("e", text) is None

    @SAME
    @given(st.text(max_size=80))
    def test_no_text_causes_an_error(self, text: str):
        assert parse("e", text) is None
