import csv
import json
from pathlib import Path

import pytest

from my_utils.errors import UserError
from my_utils.study.results import read_results, write_amt_csv, write_page_csv
from tests.support.study_sessions import likert_trial, pairwise_trial, session, write_session

PAIRWISE_HEADER = (
    "WorkerId,Input.GT,Input.OPTION1,Input.OPTION2,Answer.example.label1,Answer.example.label2\n"
)
LIKERT_HEADER = "WorkerId,Input.image_url,Answer.category.label\n"
DATA = Path(__file__).resolve().parents[1] / "data" / "study"  # made-up, of the layouts reported


def write(folder, text, name="results.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def answers(trials):
    """What must survive any layout."""
    return {
        (t.study_id, t.participant, t.GT, t.OPTION1, t.OPTION2, t.model1, t.model2, t.image_url)
        + (t.style, t.answer, t.ms)
        for t in trials
    }


@pytest.fixture
def page_folder(tmp_path):
    trials = [
        pairwise_trial(0, full_first=True, full_chosen=True),
        pairwise_trial(1, full_first=False, full_chosen=True, ablation="norm_mp_tex_interp"),
        pairwise_trial(2, full_first=True, full_chosen=False, check="attention", expected=1),
        pairwise_trial(0, full_first=False, full_chosen=False, check="repeat"),
    ]
    write_session(tmp_path, session("pairwise", "p1", trials))
    write_session(tmp_path, session("pairwise", "p2", trials[:1], complete=False))
    return tmp_path


def test_page_results_are_read(page_folder):
    trials = read_results([page_folder], "pairwise")
    assert [trial.participant for trial in trials] == ["p1"] * 4 + ["p2"]
    assert [trial.answer for trial in trials] == [1, 2, 2, 1, 1]
    assert [trial.check for trial in trials] == [None, None, "attention", "repeat", None]
    assert trials[1].model1 == "norm_mp_tex_interp" and trials[1].choice == trials[1].OPTION2
    assert [trial.complete for trial in trials] == [True] * 4 + [False]


def test_published_results_are_read(data):
    path = data / "mturk" / "full_model_VS_flm_rndr_tex_interp_results.csv"
    first, *rest = read_results([path], "pairwise")
    assert len(rest) == 39
    assert (first.model1, first.model2, first.answer) == ("flm_rndr_tex_interp", "full_model", 2)
    assert first.participant == "A0643169SYNTH" and first.ms == 204_000


def test_the_published_urls_without_a_slash_tell_their_models(tmp_path):
    host = "https://x.s3.amazonaws.com"
    row = f"W1,{host}full_model/mesh_00.png,{host}vector_cond/mdl2__00.png,"
    row += f"{host}full_model/mdl1__00.png,FALSE,TRUE\n"
    (trial,) = read_results([write(tmp_path, PAIRWISE_HEADER + row)], "pairwise")
    assert (trial.model1, trial.model2) == ("vector_cond", "full_model")


def test_ours_to_amt_and_back(page_folder, tmp_path):
    trials = read_results([page_folder], "pairwise")
    assert write_amt_csv(tmp_path / "out" / "amt.csv", trials) == 3
    back = read_results([tmp_path / "out" / "amt.csv"], "pairwise")
    assert answers(back) == answers([trial for trial in trials if not trial.check])

    rated = [likert_trial(n, style=n % 2, answer=n + 1) for n in range(5)]
    path = write_session(tmp_path, session("likert", "p3", rated))
    trials = read_results([path], "likert")
    write_amt_csv(tmp_path / "likert.csv", trials)
    assert answers(read_results([tmp_path / "likert.csv"], "likert")) == answers(trials)


def test_the_pages_csv_keeps_everything(page_folder, data, tmp_path):
    for paths in ([page_folder], [data / "mturk" / "full_model_VS_vector_cond_results.csv"]):
        trials = read_results(paths, "pairwise")
        assert write_page_csv(tmp_path / "page.csv", trials) == len(trials)
        assert read_results([tmp_path / "page.csv"], "pairwise") == trials


def test_blank_lines_and_the_line_ends_of_windows_are_no_answers(tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + LIKERT_HEADER.encode().strip() + b"\r\nW1,3_0.png,Agree\r\n\r\n"
    )
    (trial,) = read_results([path], "likert")
    assert (trial.style, trial.answer) == (3, 4)


def test_a_style_that_amt_could_not_tell_is_not_written(tmp_path):
    trial = likert_trial(0, style=3, answer=2, image_url="pictures/a.png")
    trials = read_results([write_session(tmp_path, session("likert", "p", [trial]))], "likert")
    with pytest.raises(UserError, match="style number"):
        write_amt_csv(tmp_path / "amt.csv", trials)
    assert not (tmp_path / "amt.csv").exists()


def test_copies_count_once_and_a_finished_result_completes_an_unfinished_one(tmp_path):
    trials = [pairwise_trial(n, full_first=True, full_chosen=True) for n in range(3)]
    finished = session("pairwise", "p", trials)
    unfinished = session("pairwise", "p", trials[:2], complete=False)
    (tmp_path / "a.json").write_text(json.dumps(unfinished))
    (tmp_path / "b.json").write_text(json.dumps(finished))
    write_page_csv(tmp_path / "c.csv", read_results([tmp_path / "b.json"], "pairwise"))
    trials = read_results([tmp_path, tmp_path / "a.json"], "pairwise")
    assert [trial.trial for trial in trials] == [0, 1, 2]
    assert all(trial.complete for trial in trials)


def test_two_results_of_one_participant_that_differ_are_refused(tmp_path):
    for name, chosen in (("a", True), ("b", False)):
        # The same question with its sides exchanged, so that equal answers are different choices.
        trial = pairwise_trial(0, full_first=chosen, full_chosen=chosen)
        (tmp_path / f"{name}.json").write_text(json.dumps(session("pairwise", "p", [trial])))
    with pytest.raises(
        UserError, match=r"b.json, trial 1: participant 'p' .* in .*a.json, trial 1"
    ):
        read_results([tmp_path], "pairwise")


def amt_likert(folder, rows, key=""):
    with (folder / "results.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(LIKERT_HEADER.strip().split(","))
        lines.writerows(rows)
    if key:
        write(folder, "image_url,check,expected\n" + key, "likert_key.csv")
    return folder


def test_the_key_of_amt_inputs_tells_the_checks(tmp_path):
    rows = [
        ("W1", "u/3_00.png", "Agree"),
        ("W1", "u/attention/same_1.png", "Disagree"),
        ("W1", "u/attention/same_1.png", "Disagree"),
        ("W1", "u/3_00.png", "Strongly agree"),
        ("W2", "u/3_00.png", "Agree"),
    ]
    key = "u/attention/same_1.png,attention,5\nu/3_00.png,repeat,\n"
    trials = read_results([amt_likert(tmp_path, rows, key)], "likert")
    assert [trial.check for trial in trials] == [None, "attention", "attention", "repeat", None]
    assert [trial.expected for trial in trials] == [None, 5, 5, None, None]


def test_pairwise_checks_on_amt(tmp_path):
    check = "u/full_model/mesh_0.png,u/full_model/mesh_0.png,u/full_model/mesh_7.png"
    path = write(tmp_path, f"{PAIRWISE_HEADER}W1,{check},true,false\n")
    with pytest.raises(UserError, match="line 2: .* both of the model 'full_model'.* key"):
        read_results([path], "pairwise")
    key = write(tmp_path, f"GT,OPTION1,OPTION2,check,expected\n{check},attention,1\n", "a_key.csv")
    (trial,) = read_results([path, key], "pairwise")
    assert (trial.check, trial.expected, trial.answer) == ("attention", 1, 1)


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "is empty"),
        ("\ufeff\n", "is empty"),
        (LIKERT_HEADER, "a header but no answers"),
        (LIKERT_HEADER + "W1,3_0.png\n", "line 2 has 2 cells instead of 3"),
        (LIKERT_HEADER + 'W1,3_0.png,"Agr', "line 2: half-written"),
        (LIKERT_HEADER + "W1,3_0.png,Similar\n", "line 2: the answer 'Similar' is none of"),
        (LIKERT_HEADER + "W1,x_0.png,Agree\n", "line 2: .* does not begin with a style number"),
        (LIKERT_HEADER + "W1,3_0.png,Agree\n=1+1,3_1.png,Agree\n", "line 3: .* a formula"),
        (LIKERT_HEADER + ",3_0.png,Agree\n", "line 2: participant is ''"),
        (
            LIKERT_HEADER + "W1,3_0.png,Agree\nW1,3_0.png,Disagree\n",
            "line 3: .*differently.*line 2",
        ),
        ("WorkerId,Input.image_url\nW1,3_0.png\n", "lacks the columns Answer.category.label"),
        ("image_url\n3_0.png\n", "holds no answers of a study: its columns are image_url"),
        (PAIRWISE_HEADER + "W1,g,a/1.png,b/1.png,true,false\n", "analyse it with mturk/plot_res"),
    ],
)
def test_bad_csv_files_are_answered_in_one_sentence(tmp_path, text, phrase):
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=phrase) as caught:
        read_results([path], "likert")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", ["true,true", "false,false", ",true", "yes,no"])
def test_an_option_is_chosen_or_not(tmp_path, labels):
    path = write(tmp_path, f"{PAIRWISE_HEADER}W1,g,a/1.png,b/1.png,{labels}\n")
    with pytest.raises(UserError, match="line 2: one of label1 and label2 must be true"):
        read_results([path], "pairwise")


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"answer": 6}, "trial 1: answer 6 is none of"),
        ({"answer": "4"}, "trial 1: answer is '4' instead of a number"),
        ({"answer": True}, "trial 1: answer is True instead of a number"),
        ({"answer": None}, "trial 1: answer is None"),
        ({"style": None}, "trial 1: style is None"),
        ({"image_url": "a\nb"}, "trial 1: image_url is"),
        ({"check": "attention"}, "needs its expected answer"),
        ({"check": "other"}, "check 'other' is none of"),
    ],
)
def test_bad_trials_are_answered_in_one_sentence(tmp_path, changes, phrase):
    trial = likert_trial(0, style=1, answer=3) | changes
    path = write_session(tmp_path, session("likert", "p", [trial]))
    with pytest.raises(UserError, match=phrase) as caught:
        read_results([path], "likert")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"format": "other"}, "lacks format gif-study-result"),
        ({"version": 2}, "has version 2"),
        ({"trials": {}}, "has no list of trials"),
        ({"study": "pairwise"}, "of the pairwise study: analyse it with mturk/plot_results.py"),
        ({"study": "taste"}, "no study 'taste'"),
        ({"participant": ""}, "participant is ''"),
        ({"complete": 1}, "complete is 1 instead of true or false"),
    ],
)
def test_bad_sessions_are_answered_in_one_sentence(tmp_path, changes, phrase):
    result = session("likert", "p", [likert_trial(0, style=1, answer=3)]) | changes
    path = write(tmp_path, json.dumps(result), "result.json")
    with pytest.raises(UserError, match=phrase):
        read_results([path], "likert")


def test_half_written_and_foreign_files_are_refused(tmp_path):
    path = write(tmp_path, json.dumps(session("likert", "p", []))[:-9], "result.json")
    with pytest.raises(UserError, match="half-written or damaged: .* line 1"):
        read_results([path], "likert")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not text in UTF-8"):
        read_results([path], "likert")
    path.write_text("[" * 100_000)
    with pytest.raises(UserError, match="half-written or damaged"):
        read_results([path], "likert")
    path.unlink()
    with pytest.raises(UserError, match="holds no results"):
        read_results([tmp_path], "likert")
    with pytest.raises(FileNotFoundError):  # run_script says it
        read_results([Path("absent.csv")], "likert")


# --- files as Amazon writes them, and as pandas, Excel and macOS leave them ----------------------


def test_amazon_leaves_out_the_last_cells_of_a_row(tmp_path):
    path = DATA / "amt-rows-end-before-approve-reject.csv"
    assert len(read_results([path], "pairwise")) == 12
    short = path.read_text().replace(',"true","false"\n', ',"true"\n')
    with pytest.raises(UserError, match="line 2 has 31 cells instead of 34"):
        read_results([write(tmp_path, short)], "pairwise")


def test_rejected_assignments_do_not_count(tmp_path):
    path = DATA / "amt-rejected-assignments.csv"
    trials = read_results([path], "pairwise")
    assert len(trials) == 8 and trials.notes == [
        "Rejected on Mechanical Turk, left out: 4 answers."
    ]
    # Before the requester uploads his decisions, they stand in the last two columns.
    header = LIKERT_HEADER.strip() + ",AssignmentStatus,Approve,Reject\n"
    rows = "W1,3_0.png,Agree,Submitted,x,\nW2,3_0.png,,Submitted,,too fast\nW3,3_0.png,Agree,,,\n"
    marked = read_results([write(tmp_path, header + rows)], "likert")
    assert [trial.participant for trial in marked] == ["W1", "W3"] and marked.rejected == 1


@pytest.mark.parametrize(
    "text",
    [
        LIKERT_HEADER.replace(",", ";") + "W1;3_0.png;Agree\n",
        "sep=;\n" + LIKERT_HEADER.replace(",", ";") + "W1;3_0.png;Agree\n",
        LIKERT_HEADER.replace(",", "\t") + "W1\t3_0.png\tAgree\n",
        LIKERT_HEADER.replace(",", ", ") + "W1 , 3_0.png, Agree\n",
        LIKERT_HEADER + 'W1,"3_0.png",  "Agree"\n,,\n',
        LIKERT_HEADER.strip() + ",,\nW1,3_0.png,Agree,,\n,,,,\n",
        "," + LIKERT_HEADER + "0,W1,3_0.png,Agree\n",  # the index of a table in pandas
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_saved_again_by_other_programs_say_the_same(tmp_path, text, encoding):
    path = tmp_path / "results.CSV"
    path.write_bytes(text.encode(encoding))
    (trial,) = read_results([tmp_path], "likert")
    assert (trial.participant, trial.style, trial.answer) == ("W1", 3, 4)


def test_numbers_and_truth_as_pandas_and_excel_write_them(tmp_path):
    trials = read_results(
        [write_session(tmp_path, session("likert", "p", [likert_trial(0, style=1, answer=3)]))],
        "likert",
    )
    write_page_csv(tmp_path / "page.csv", trials)
    header, row = (tmp_path / "page.csv").read_text().splitlines()
    row = row.replace(",900,", ",900.0,").replace("true", "TRUE").replace("false", "False")
    (tmp_path / "page.csv").write_text(f"{header}\n{row}\n")
    assert read_results([tmp_path / "page.csv"], "likert") == trials

    key = "u/3_00.png,attention,5.0\n"
    (check,) = read_results([amt_likert(tmp_path, [("W1", "u/3_00.png", "Agree")], key)], "likert")[
        1:
    ]
    assert check.expected == 5


def test_what_macos_and_excel_put_beside_results_is_no_result(tmp_path):
    for name in ("._results.csv", "~$results.csv", ".DS_Store"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    with pytest.raises(UserError, match="holds no results"):
        read_results([tmp_path], "likert")
    write(tmp_path, LIKERT_HEADER + "W1,3_0.png,Agree\n")
    assert len(read_results([tmp_path], "likert")) == 1
