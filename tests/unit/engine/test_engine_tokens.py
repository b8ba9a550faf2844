"""Where a token is kept: read with care, replaced whole, and refused before it is too late."""

import sys
from pathlib import Path

import pytest

from engine.store.enrolments import Enrolment, VaultTokens, enrolments, keep_enrolment
from engine.store.tokens import (
    FileTokens,
    GivenToken,
    MemoryTokens,
    RotatesElsewhere,
    TokenRefused,
    read_file,
)
from kit.vault import FolderSecrets, Vault, VaultLocked, VaultUnavailable

TOKEN = "fwe1_0123456789_secret"
NEW = "fwe1_1123456789_secret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


class TestReadingAFile:
    def test_the_token_is_read_without_its_line_end(self, file: Path):
        assert read_file(file) == (TOKEN,)

    def test_while_it_rotates_there_are_two_the_new_one_first(self, file: Path):
        file.write_text(f"{NEW}\n{TOKEN}\n")
        assert read_file(file) == (NEW, TOKEN)

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
    @pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o644, 0o602, 0o620, 0o601, 0o777])
    def test_a_file_that_is_open_to_others_is_refused(self, file: Path, mode: int):
        file.chmod(mode)
        with pytest.raises(TokenRefused, match="chmod 600") as refused:
            read_file(file)
        assert TOKEN not in str(refused.value)

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
    def test_a_file_of_the_owners_alone_is_taken(self, file: Path, mode: int):
        file.chmod(mode)
        assert read_file(file) == (TOKEN,)

    def test_a_missing_file_is_named(self, tmp_path: Path):
        with pytest.raises(TokenRefused, match="cannot be read") as refused:
            read_file(tmp_path / "missing")
        assert str(tmp_path / "missing") in str(refused.value)

    def test_a_folder_is_no_token(self, tmp_path: Path):
        with pytest.raises(TokenRefused, match="cannot be read"):
            read_file(tmp_path)

    @pytest.mark.parametrize("text", ["", "\n", "  \n\n"])
    def test_an_empty_file_says_what_to_give(self, file: Path, text: str):
        file.write_text(text)
        with pytest.raises(TokenRefused, match="--token-file"):
            read_file(file)

    def test_a_token_that_follows_a_link_is_judged_by_the_file_itself(self, file: Path, tmp_path: Path):
        (tmp_path / "link").symlink_to(file)
        assert read_file(tmp_path / "link") == (TOKEN,)
        file.chmod(0o644)
        with pytest.raises(TokenRefused):
            read_file(tmp_path / "link")

    @pytest.mark.parametrize("text", ["a\nb\nc\n", "a b\n", "a\nb c\n"])
    def test_a_file_of_something_else_is_refused(self, file: Path, text: str):
        file.write_text(text)
        with pytest.raises(TokenRefused):
            read_file(file)
        file.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(TokenRefused):
            read_file(file)


class TestKeepingInAFile:
    async def test_what_was_kept_is_read_by_another_process(self, file: Path):
        await FileTokens(file).keep((NEW, TOKEN))
        assert await FileTokens(file).read() == (NEW, TOKEN)
        await FileTokens(file).keep((NEW,))
        assert file.read_text() == f"{NEW}\n"
        assert file.stat().st_mode & 0o777 == 0o600

    async def test_a_link_is_not_replaced_by_a_file(self, file: Path, tmp_path: Path):
        link = tmp_path / "link"
        link.symlink_to(file)
        with pytest.raises(TokenRefused, match="link"):
            await FileTokens(link).keep((NEW,))
        assert link.is_symlink()
        assert read_file(file) == (TOKEN,)

    async def test_a_place_that_cannot_be_written_says_so_and_keeps_the_old_one(self, file: Path, monkeypatch):
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("engine.store.tokens.write_private", full)
        with pytest.raises(TokenRefused, match="No space left") as refused:
            await FileTokens(file).keep((NEW,))
        assert NEW not in str(refused.value)
        assert read_file(file) == (TOKEN,)

    def test_one_process_rotates_at_a_time(self, file: Path):
        with FileTokens(file).alone():
            with pytest.raises(RotatesElsewhere), FileTokens(file).alone():
                pass
        with FileTokens(file).alone():
            pass

    def test_a_folder_that_takes_no_lock_says_so(self, tmp_path: Path):
        with pytest.raises(TokenRefused), FileTokens(tmp_path / "missing" / "token").alone():
            pass


class Closed(FolderSecrets):
    """A vault that does not open."""

    def __init__(self, folder: Path, why: Exception) -> None:
        super().__init__(folder)
        self.why = why

    def get(self, name: str) -> str | None:
        raise self.why

    def set(self, name: str, value: str) -> None:
        raise self.why


class TestTheVault:
    @pytest.fixture
    def vault(self, tmp_path: Path) -> Vault:
        return Vault(FolderSecrets(tmp_path / "secrets"))

    async def test_an_enrolment_is_kept_and_its_tokens_are_replaced(self, vault: Vault):
        tokens = VaultTokens(vault, "abcd")
        assert (await enrolments(vault), await tokens.read()) == ([], ())
        await keep_enrolment(vault, Enrolment("http://127.0.0.1:9", "abcd", (TOKEN,)))
        await tokens.keep((NEW, TOKEN))
        assert await enrolments(vault) == [Enrolment("http://127.0.0.1:9", "abcd", (NEW, TOKEN))]
        assert await tokens.read() == (NEW, TOKEN)
        with tokens.alone():
            pass

    async def test_each_engine_has_its_own(self, vault: Vault):
        first, second = Enrolment("g", "abcd", (TOKEN,)), Enrolment("h", "efgh", (NEW,))
        for enrolment in (first, second, first):
            await keep_enrolment(vault, enrolment)
        assert await enrolments(vault) == [first, second]
        assert await VaultTokens(vault, "efgh").read() == (NEW,)

    async def test_tokens_are_not_kept_where_the_enrolment_is_gone(self, vault: Vault):
        with pytest.raises(TokenRefused, match="Enrol"):
            await VaultTokens(vault, "abcd").keep((NEW,))

    @pytest.mark.parametrize("why", [VaultLocked(), VaultUnavailable("no keyring")])
    async def test_a_vault_that_does_not_open_says_so(self, tmp_path: Path, why: Exception):
        vault = Vault(Closed(tmp_path, why))
        with pytest.raises(TokenRefused, match=r"locked|no keyring"):
            await VaultTokens(vault, "abcd").read()
        with pytest.raises(TokenRefused, match=r"locked|no keyring"):
            await enrolments(vault)
        with pytest.raises(TokenRefused, match=r"locked|no keyring"):
            await keep_enrolment(vault, Enrolment("g", "e", (TOKEN,)))

    @pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"gateway": "g", "tokens": 5}'])
    async def test_something_else_in_its_place_is_named(self, vault: Vault, text: str):
        await keep_enrolment(vault, Enrolment("g", "abcd", (TOKEN,)))
        await vault.set("engine/abcd", text)
        with pytest.raises(TokenRefused, match="damaged"):
            await enrolments(vault)

    async def test_a_list_that_is_none_is_named(self, vault: Vault):
        await vault.set("engines", "5")
        with pytest.raises(TokenRefused, match="damaged"):
            await enrolments(vault)


class TestInMemory:
    async def test_a_token_that_was_handed_over_is_replaced_in_memory(self):
        tokens = MemoryTokens(TOKEN)
        assert await tokens.read() == (TOKEN,)
        with tokens.alone():
            await tokens.keep((NEW, TOKEN))
        assert await tokens.read() == (NEW, TOKEN)

    async def test_one_from_standard_input_is_not_replaced(self):
        tokens = GivenToken(TOKEN)
        with pytest.raises(TokenRefused, match="standard input"):
            await tokens.keep((NEW, TOKEN))
        assert await tokens.read() == (TOKEN,)
