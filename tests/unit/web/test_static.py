"""What is served of `client_demo/`."""

from hub.web.static import lean


def test_comments_on_lines_of_their_own_are_left_out_and_lines_keep_their_numbers():
    source = b"""/**
 * Says hello.
 */
export const a = "// no comment"; // stays

  // goes
const b = 1 /* stays */ + 2;
  /* goes */
"""
    shown = lean(source)
    assert shown.splitlines()[3] == b'export const a = "// no comment"; // stays'
    assert shown.splitlines()[6] == b"const b = 1 /* stays */ + 2;"
    assert shown.count(b"\n") == source.count(b"\n")
    assert b"goes" not in shown
    assert b"hello" not in shown
