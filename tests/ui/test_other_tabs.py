"""Devices and users, audit, logs, settings."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox

from app.bridge.acts import Trouble
from app.bridge.acts.audit import ExportAudit, Found, SearchAudit, VerifyAudit
from app.bridge.acts.logs import FollowLogs, LogLine, LogLines, ReadLogs
from app.bridge.acts.people import RemoveUser, RevokeDevice
from app.bridge.acts.settings import ChangeSetting, ListSettings, SettingsFound
from app.ui.window.audit import AuditTab
from app.ui.window.logs import KEPT, LogsTab
from app.ui.window.people import PeopleTab
from app.ui.window.settings import SettingsTab
from app.words import Words
from kit.config import Origin
from tests.support import samples
from tests.support.fake_agent import FakeAgent, agent


@pytest.fixture
def fake(qapp) -> FakeAgent:
    made = agent(samples.answers())
    made.tell(samples.busy())
    return made


def shown(qtbot, kind, fake: FakeAgent, say: Words):
    made = kind(fake.bridge, say)
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    made.wake()
    return made


def press(tab, words: str) -> None:
    box = next(box for box in tab.findChildren(QMessageBox) if box.isVisible())
    next(button for button in box.buttons() if button.text() == words).click()


class TestPeople:
    def test_a_device_is_revoked_after_a_question(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[RevokeDevice] = None
        tab = shown(qtbot, PeopleTab, fake, english)
        assert not tab._revoke.isEnabled()
        tab.devices.selectRow(2)
        tab._revoke.click()
        press(tab, "&Cancel")
        assert fake.of(RevokeDevice) == []
        tab._revoke.click()
        press(tab, "&Revoke")
        assert fake.of(RevokeDevice) == [RevokeDevice("d-3")]

    def test_the_owner_cannot_be_removed_and_others_can(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[RemoveUser] = None
        tab = shown(qtbot, PeopleTab, fake, english)
        tab.users.selectRow(0)
        assert not tab._remove.isEnabled()
        tab.users.selectRow(1)
        tab._remove.click()
        press(tab, "&Remove")
        assert fake.of(RemoveUser) == [RemoveUser("u-budi")]

    def test_what_was_taken_and_may_be_taken_is_told(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, PeopleTab, fake, english)
        told = [(tab.users.item(row, 3).text(), tab.users.item(row, 4).text()) for row in range(3)]
        assert told == [("50,300 tokens · 0.12", "Not limited"), ("0 tokens", "200,000 tokens · 0.50"), ("–", "Not limited")]


class TestAudit:
    def test_records_are_searched_and_older_ones_are_added(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, AuditTab, fake, english)
        assert tab.rows.rowCount() == 60
        tab._older.click()
        assert fake.of(SearchAudit)[-1] == SearchAudit("", 4150)
        assert tab.rows.rowCount() == 120
        fake.answers[SearchAudit] = Found((), None)
        tab.search.setText("budi")
        qtbot.waitUntil(lambda: fake.of(SearchAudit)[-1] == SearchAudit("budi", None))
        assert tab._notice.accessibleName() == "No record fits"
        assert not tab._older.isVisible()

    def test_a_whole_log_and_a_broken_one_are_told_apart_in_words(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, AuditTab, fake, english)
        tab.verify.click()
        assert tab._words.text().startswith("✓ The log is whole: records 1 to 4210")
        fake.answers[VerifyAudit] = samples.BROKEN
        tab.verify.click()
        assert "NOT whole from record 812 on: a record was changed" in tab._words.text()

    def test_while_it_is_verified_nothing_else_is_begun(self, qtbot, fake: FakeAgent, english: Words):
        del fake.answers[VerifyAudit]
        tab = shown(qtbot, AuditTab, fake, english)
        tab.verify.click()
        tab.told(samples.busy())
        assert not tab.verify.isEnabled()
        assert tab._words.text() == "Reading the whole log…"
        fake.answer(VerifyAudit, samples.WHOLE)
        assert tab.verify.isEnabled()

    def test_it_is_exported_to_the_file_that_was_chosen(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[ExportAudit] = 4096
        tab = shown(qtbot, AuditTab, fake, english)
        tab.export_to("/somewhere/log.jsonl")
        assert fake.of(ExportAudit) == [ExportAudit("/somewhere/log.jsonl")]
        assert tab._words.text() == "✓ 4 KB were written to /somewhere/log.jsonl. The last line is signed."
        fake.refuse(ExportAudit, "No room", "Free some.")
        tab.export_to("/somewhere/log.jsonl")
        assert tab._words.text() == "✕ No room. Free some."

    def test_an_alarm_is_shown(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, AuditTab, fake, english)
        tab.told(samples.busy(alarms=("The file of heads cannot be reached.",)))
        assert tab._alarms.text() == "! The file of heads cannot be reached."


class TestLogs:
    def test_what_is_written_comes_in_below_and_the_end_stays_in_view(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, LogsTab, fake, english)
        bar = tab.table.verticalScrollBar()
        qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
        fake.answers[FollowLogs] = LogLines((LogLine(samples.at(0), "error", "gateway", "x.new", "a=1"),), "/logs")
        tab._more()
        assert tab.model.rowCount() == 301
        qtbot.waitUntil(lambda: bar.value() == bar.maximum())

    def test_who_reads_further_up_is_left_there(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, LogsTab, fake, english)
        bar = tab.table.verticalScrollBar()
        qtbot.waitUntil(lambda: bar.maximum() > 100)
        bar.setValue(50)
        fake.answers[FollowLogs] = LogLines((LogLine(samples.at(0), "error", "gateway", "x.new", "a=1"),), "/logs")
        tab._more()
        assert bar.value() == 50

    def test_only_so_many_lines_are_kept(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, LogsTab, fake, english)
        tab.model.add(samples.log_lines(KEPT - 100).lines)
        assert tab.model.rowCount() == KEPT

    def test_level_and_text_are_asked_for(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, LogsTab, fake, english)
        assert fake.of(ReadLogs) == [ReadLogs("info", "")]
        tab.levels.setCurrentIndex(3)
        tab.search.setText("alarm")
        qtbot.waitUntil(lambda: fake.of(ReadLogs)[-1] == ReadLogs("error", "alarm"))

    def test_following_can_be_switched_off(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, LogsTab, fake, english)
        assert tab._timer.isActive()
        qtbot.keyClick(tab.follow, Qt.Key.Key_Space)
        assert not tab._timer.isActive()
        tab.rest()
        tab.wake()
        assert not tab._timer.isActive()

    def test_a_line_cannot_hide_what_it_says(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[ReadLogs] = LogLines((LogLine(samples.at(0), "info", "x", "y", "a=\u202egnp.exe"),), "/logs")
        tab = shown(qtbot, LogsTab, fake, english)
        tab.table.selectRow(0)
        assert "\u202e" not in tab._line.toPlainText()


class TestSettings:
    def chosen(self, tab: SettingsTab, key: str) -> None:
        tab.search.setText(key)
        row = next(row for row in range(tab.rows.rowCount()) if tab.rows.item(row, 0).text() == key)
        tab.rows.selectRow(row)

    def test_each_value_tells_where_it_comes_from(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, SettingsTab, fake, english)
        told = {}
        for row in range(tab.rows.rowCount()):
            told[tab.rows.item(row, 0).text()] = (tab.rows.item(row, 1).text(), tab.rows.item(row, 2).text())
        assert told["[gateway] port"] == ("8000", "File")
        assert told["[logs] level"] == ("debug", "Environment")
        assert told["[engine] slots"] == ("4", "Argument")
        assert told["[desktop] notifications"] == ("On", "Default")

    def test_it_is_found_by_what_it_does(self, qtbot, fake: FakeAgent, english: Words):
        tab = shown(qtbot, SettingsTab, fake, english)
        tab.search.setText("metered")
        assert [tab.rows.item(row, 0).text() for row in range(tab.rows.rowCount())] == ["[desktop] pause_on_metered"]
        tab.search.setText("no such thing")
        assert tab._notice.accessibleName() == "No setting fits"

    def test_a_value_is_saved_by_return_and_taken_back(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[ChangeSetting] = fake.answers[ListSettings]
        tab = shown(qtbot, SettingsTab, fake, english)
        self.chosen(tab, "[gateway] port")
        assert not tab.editor.save.isEnabled()
        tab.editor.line.setText("9000")
        qtbot.keyClick(tab.editor.line, Qt.Key.Key_Return)
        tab.editor.reset.click()
        assert fake.of(ChangeSetting) == [ChangeSetting("gateway", "port", "9000"), ChangeSetting("gateway", "port", None)]
        assert tab.editor._told.text() == "✓ Saved. It holds after the next start of Flowork."

    def test_a_choice_is_saved(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[ChangeSetting] = fake.answers[ListSettings]
        tab = shown(qtbot, SettingsTab, fake, english)
        self.chosen(tab, "[desktop] on_close")
        tab.editor.choice.setCurrentIndex(tab.editor.choice.findData("keep"))
        tab.editor.save.click()
        assert fake.of(ChangeSetting) == [ChangeSetting("desktop", "on_close", "keep")]

    def test_what_is_refused_stays_in_the_editor(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[ChangeSetting] = Trouble("The settings are not right", "[gateway] port: too large")
        tab = shown(qtbot, SettingsTab, fake, english)
        self.chosen(tab, "[gateway] port")
        tab.editor.line.setText("99999999")
        tab.editor.save.click()
        assert tab.editor._told.text() == "✕ [gateway] port: too large"
        assert tab.editor.line.text() == "99999999"

    @pytest.mark.parametrize(
        ("key", "words"), [("[logs] level", "Set by the variable FLOWORK_LOGS_LEVEL"), ("[engine] slots", "Set by the argument --slots")]
    )
    def test_what_is_set_elsewhere_cannot_be_edited_here(self, qtbot, fake: FakeAgent, english: Words, key: str, words: str):
        tab = shown(qtbot, SettingsTab, fake, english)
        self.chosen(tab, key)
        assert tab.editor._origin.text().startswith(words)
        assert not tab.editor.save.isEnabled()
        assert not (tab.editor.line.isEnabled())
        assert not (tab.editor.choice.isEnabled())

    def test_a_file_that_cannot_be_read_says_so(self, qtbot, fake: FakeAgent, english: Words):
        fake.answers[ListSettings] = Trouble("The settings are not right", "config.toml: line 3")
        tab = shown(qtbot, SettingsTab, fake, english)
        assert tab._notice.accessibleDescription() == "config.toml: line 3"
        fake.answers[ListSettings] = SettingsFound("f", ())
        tab._notice._button.click()
        assert tab._notice.accessibleName() == "No setting fits"


def test_every_origin_has_a_word(say: Words):
    from app.ui.window.settings import origin

    assert len({origin(each, say) for each in Origin}) == len(Origin)
