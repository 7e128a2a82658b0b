from my_utils.files.tables import latex_table, markdown_table, markdown_text


def test_markdown_shows_text_as_it_is():
    assert markdown_text("<img src=x>|`a`[b](c)\n*d* &") == (
        r"&lt;img src=x&gt;\|\`a\`\[b\](c) \*d\* &amp;"
    )
    table = markdown_table(("a|b", "c"), [("1\n2", 3)])
    assert table.splitlines() == [r"| a\|b | c |", "| --- | ---: |", "| 1 2 | 3 |"]


def test_numbers_have_four_digits_and_what_is_missing_is_a_dash():
    table = markdown_table(["run", "fid"], [["run 8", 12.34567], ["run 29", None]])
    assert table.splitlines()[2:] == ["| run 8 | 12.35 |", "| run 29 | - |"]


def test_latex_has_a_column_for_every_measure_and_escapes_names():
    table = latex_table(["run", "a_b (50%)"], [["run 29", 0.125], ["run 8", None]])
    assert table.splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"run & a\_b (50\%) \\",
        r"\midrule",
        r"run 29 & 0.125 \\",
        r"run 8 & - \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
