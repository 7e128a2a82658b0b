"""Designs: what they mean, and that every mistake is one sentence with the line of the file."""

import re

import pytest

from my_utils.errors import UserError
from my_utils.faces.named_factors import NamedExpression
from my_utils.stimuli.design_file import read_design
from my_utils.stimuli.plan import combinations, picture_count
from my_utils.study.presentation import read_presentation
from my_utils.untrusted.toml_table import key_lines

EXPRESSIONS = {"neutral": NamedExpression({}), "smile": NamedExpression({0: 2.0})}
PEOPLE = '[[people]]\nseeds = "0-2"\n'  # two lines, which begin most designs here
FACTORS = PEOPLE + "[factors]\n"
CONTINUUM = PEOPLE + '[[continua]]\nfrom = "seed0"\n'
CARICATURE = PEOPLE + '[[people]]\nname = "c"\ncaricature = "seed0"\n'
ZIP = 'zip = [["yaw", "roll"]]\n' + FACTORS


@pytest.fixture
def read(tmp_path):
    def call(text):
        path = tmp_path / "design.toml"
        path.write_text(text, encoding="utf-8")
        design = read_design(path, EXPRESSIONS)
        read_presentation(path, design.factors)
        return design

    return call


def test_everything_a_design_can_say(read):
    design = read(
        """
name = "all"
seed = 4
camera = "eyes"
truncation = 0.8
show = ["seed1", "a to b", "x"]
zip = [["yaw", "light"]]
[[people]]
seeds = [0, 1]
[[people]]
name = "a"
row = 7
style = 9
set = { expression = "smile:0.5", yaw = 3 }
[[people]]
name = "b"
seed = 3
[[people]]
name = "mean"
average = ["seed0", "seed1", "a"]
[[people]]
name = "x"
caricature = "seed0"
of = "mean"
amount = -1
[[continua]]
from = "a"
to = "b"
steps = 11
range = [-50, 150]
vary = ["shape", "style"]
[factors]
yaw = { from = -10, to = 10, steps = 3 }
light = ["left", "soft", "right:0.5"]
expression.3 = [0, 1]
gaze = [[10, -5], [0, 0]]
[hold]
"shape.2" = 1
jaw = 5
[output]
size = 256
mask = "oval"
background = 100
alpha = true
greyscale = true
[match]
properties = ["luminance", "spectrum"]
luminance = 0.3
region = "picture"
[smooth]
window = 7
[lists]
latin_square = "light"
repeats = 2
[labels]
write = ["landmarks", "mesh"]
[task]
kind = "rating"
prompt = "How {scale}?"
scales = [{ name = "kind", low = "no", high = "yes" }]
"""
    )
    assert list(design.people) == ["seed0", "seed1", "a", "b", "mean", "x"]
    assert design.people["a"].factors == (("expression", "smile:0.5"), ("yaw", 3.0))
    assert design.continua["a to b"].range == (-50, 150)
    assert design.factors["yaw"] == (-10, 0, 10) and design.factors["expression.3"] == (0, 1)
    assert design.hold == {"shape.2": 1, "jaw": 5}
    rows = combinations(design)
    assert len(rows) == 3 * 2 * 2  # yaw and light go together
    assert picture_count(design) == (1 + 11 + 1) * 12
    assert {(row["yaw"], row["light"]) for row in rows} == {
        (-10, "left"),
        (0, "soft"),
        (10, "right:0.5"),
    }


BAD = {  # design: line, words of the sentence
    "": (1, "a design needs people"),
    "name = 3\n[[people]]\nseed = 1\n": (1, "is not one line of text"),
    "factors = 3\n[[people]]\nseed = 1\n": (1, "must be a table"),
    PEOPLE + "[task]\n": (3, "kind is missing"),
    CARICATURE + 'of = "seed0"\namount = 2\n': (6, "another face"),
    "[[people]\n": (1, "not readable as TOML"),
    "[[people]]\nseed = \n": (2, "not readable as TOML"),
    "seed = 1\nseed = 2\n": (2, "not readable as TOML"),
    'people = "me"\n': (1, "must be tables"),
    "[people]\nseed = 1\n": (1, "must be tables"),
    "[[people]]\n": (1, "need one of seed, seeds"),
    "[[people]]\nseed = 1\nrow = 2\n": (1, "here are 2"),
    "[[people]]\nseed = -1\n": (2, "whole number of at least 0"),
    '[[people]]\nseed = "1"\n': (2, "whole number"),
    '[[people]]\nseeds = "4-1-2"\n': (2, "different numbers"),
    "[[people]]\nseeds = [1, 1]\n": (2, "different numbers"),
    '[[people]]\nseeds = "0-99999999"\n': (2, "too many"),
    "[[people]]\nsede = 1\n": (1, "need one of"),
    "[[people]]\nseed = 1\nsytle = 2\n": (3, "did you mean 'style'"),
    '[[people]]\nseed = 1\nname = "=a"\n': (3, "letters, digits"),
    '[[people]]\nparams = "none.npz"\nname = "x"\n': (2, "there is no file"),
    "[[people]]\nseed = 1\n[[people]]\nseed = 1\n": (3, "two people called 'seed1'"),
    '[[people]]\naverage = "all"\nname = "m"\n': (2, "needs people above"),
    PEOPLE + '[[people]]\nname = "m"\naverage = ["seed9"]\n': (5, "did you mean 'seed2'|seed9"),
    PEOPLE + '[[people]]\naverage = "all"\n': (3, "name is missing"),
    CARICATURE + 'of = "mean"\namount = 2\n': (
        6,
        "'mean'",
    ),
    CARICATURE + 'of = "seed1"\n': (
        3,
        "amount is missing",
    ),
    CONTINUUM + 'to = "seed7"\nsteps = 3\n': (
        5,
        "no person called 'seed7'",
    ),
    CONTINUUM + 'to = "seed0"\nsteps = 3\n': (5, "does not vary"),
    CONTINUUM + 'to = "seed1"\nsteps = 1\n': (6, "from 2 to 1001"),
    CONTINUUM + 'to = "seed1"\nsteps = 5\nrange = [100, 0]\n': (
        7,
        "smaller first",
    ),
    CONTINUUM + 'to = "seed1"\nsteps = 5\nrange = [0, 9000]\n': (
        7,
        "at most",
    ),
    CONTINUUM + 'to = "seed1"\nsteps = 5\nvary = ["hair"]\n': (
        7,
        "list some of shape",
    ),
    'show = ["seed8"]\n' + PEOPLE: (1, "no person or continuum called"),
    "show = []\n" + PEOPLE: (1, "list different names"),
    'camera = "front"\n' + PEOPLE: (1, "choose one of person, eyes"),
    FACTORS + "yow = [1, 2]\n": (4, "did you mean 'yaw'"),
    FACTORS + "yaw = []\n": (4, "is empty"),
    FACTORS + "yaw = [1, 1]\n": (4, "a value twice"),
    FACTORS + "yaw = [0, nan]\n": (4, "is not a number"),
    FACTORS + "yaw = [0, 120]\n": (4, "at most 90"),
    FACTORS + "yaw = { from = 0, to = 10 }\n": (4, "steps is missing"),
    FACTORS + 'expression = ["grin"]\n': (4, "there is no 'grin'"),
    FACTORS + "expression.60 = [1, 2]\n": (4, "components 0 to 49"),
    FACTORS + 'light = ["lft", "right"]\n': (4, "did you mean 'left'"),
    FACTORS + "\n# gaze\ngaze = [1, 2]\n": (6, "two angles"),
    ZIP + "yaw = [1, 2]\nroll = [1]\n": (
        1,
        "as many values",
    ),
    ZIP + "yaw = [1, 2]\n": (1, "no factor 'roll'"),
    'zip = ["yaw"]\n' + PEOPLE: (1, "groups of factors"),
    FACTORS + "yaw = [1, 2]\n[hold]\nyaw = 1\n": (6, "cannot be held"),
    PEOPLE + '[output]\nsize = "big"\n': (4, "whole number from 16"),
    PEOPLE + '[output]\nmask = "star"\n': (4, "none, head, oval"),
    PEOPLE + "[output]\nalpha = true\n": (4, "needs a mask"),
    PEOPLE + '[match]\nproperties = ["brightness"]\n': (4, "list some of luminance"),
    PEOPLE + "[match]\n": (3, "needs properties"),
    PEOPLE + '[match]\nproperties = ["contrast"]\nluminance = 0.3\n': (
        5,
        "not among the properties",
    ),
    PEOPLE + '[match]\nproperties = ["histogram", "contrast"]\n': (4, "has a luminance and"),
    PEOPLE + "[smooth]\nwindow = 5\n": (3, "there are none"),
    PEOPLE + "[smooth]\nwindow = 4\n": (4, "must be odd"),
    PEOPLE + '[lists]\nlatin_square = "yaw"\n': (4, "no column 'yaw'"),
    PEOPLE + '[lists]\nlatin_square = "person"\ncount = 2\n': (5, "leave count out"),
    PEOPLE + '[task]\nkind = "guess"\n': (4, "choose one of same_different"),
    PEOPLE + '[task]\nkind = "abx"\nabout = "age"\n': (5, "no column 'age'"),
    PEOPLE + '[task]\nkind = "rating"\nscales = [{ name = "kind", low = "no" }]\n': (
        5,
        "high is missing",
    ),
    PEOPLE + '[task]\nkind = "rating"\nends = true\n': (5, "'ends' has no meaning"),
    PEOPLE + "[colour]\nred = 1\n": (3, "'colour' has no meaning in a design"),
    PEOPLE + '[labels]\nwrite = ["hair"]\n': (4, "list some of landmarks"),
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_mistake_is_one_sentence_with_its_line(read, text):
    line, phrase = BAD[text]
    with pytest.raises(UserError, match=phrase) as caught:
        read(text)
    sentence = str(caught.value)
    found = re.search(r"design\.toml, line (\d+)", sentence)
    assert (found and int(found[1])) == line, sentence
    assert "\n" not in sentence and len(sentence) < 500


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "design.toml"
    path.write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(UserError, match="not text in UTF-8"):
        read_design(path, EXPRESSIONS)


def test_lines_of_keys_and_tables():
    text = 'a = 1\n[t]\n"b c" = 2\nd.e = 3\n[[l]]\nf = 1\n[[l]]\n# f = 0\nf = 2\n[l.m]\ng = 3\n'
    lines = key_lines(text)
    expected = {
        ("a",): 1,
        ("t",): 2,
        ("t", "b c"): 3,
        ("t", "d"): 4,
        ("t", "d", "e"): 4,
        ("l",): 5,
        ("l", 0, "f"): 6,
        ("l", 1): 7,
        ("l", 1, "f"): 9,
        ("l", 1, "m"): 10,
        ("l", 1, "m", "g"): 11,
    }
    assert {place: lines.get(place) for place in expected} == expected
