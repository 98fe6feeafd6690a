"""The process' highest resident set, from Linux's counter and from a made-up one."""

from pathlib import Path

from fixtures.memory.host_memory import peak_rss_bytes, reset_peak_rss


def test_peak_is_read_in_bytes(tmp_path: Path) -> None:
    """The kernel writes kB that are KiB; without the line, or the file, nothing is known."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t  999 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 12 kB\n")
    assert peak_rss_bytes(tmp_path) == 1234 * 1024
    status.write_text("Name:\tpython\n")
    assert peak_rss_bytes(tmp_path) is None
    assert peak_rss_bytes(tmp_path / "none") is None


def test_reset_that_the_system_refuses_is_told(tmp_path: Path) -> None:
    """A container may not allow it: the peak is then that of the process."""
    assert reset_peak_rss(tmp_path)
    assert (tmp_path / "clear_refs").read_text() == "5"
    assert not reset_peak_rss(tmp_path / "none")


def test_peak_of_this_process_holds_what_was_touched() -> None:
    """64 MiB that were written to show in the peak, also after they were freed."""
    before = peak_rss_bytes()
    assert before is not None
    touched = bytearray(before)
    del touched
    after = peak_rss_bytes()
    assert after is not None
    assert after > before
