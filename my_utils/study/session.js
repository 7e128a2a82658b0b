"use strict";

// What the pages of all studies share: who takes part, the screens around the questions, and what
// becomes of the answers. The script of a study follows in the same element and ends by calling
// startStudy({ planTrials, showQuestion, showExample, columns }).

// The questions of this page, as mturk/study_page.py wrote them.
const study = JSON.parse(document.getElementById("study").textContent);
const SENDING_ATTEMPTS = 5;

const element = (id) => document.getElementById(id);

// ---- Who takes part, and what they have done so far ------------------------------------------

// Kept twice: localStorage outlives the tab, but a browser may refuse it, or lose what was written
// under load shortly before a reload; the history of the tab comes through every reload.
const memory = {
  read(key) {
    const copies = [storedCopy(key), history.state?.[key]];
    const answered = (copy) => copy?.answers?.length ?? -1;
    const [first, second] = copies.sort((one, other) => answered(other) - answered(one));
    return first ?? second ?? null;
  },
  write(key, value) {
    history.replaceState({ ...history.state, [key]: value }, "");
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      element("notice").textContent =
        "This browser cannot save your progress: please keep the page open until the end.";
    }
  },
};

function storedCopy(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null; // refused, or not ours
  }
}

function urlName(key) {
  const text = new URLSearchParams(location.search).get(key) ?? "";
  return text.replace(/[^A-Za-z0-9_-]/g, "").replace(/^-+/, "").slice(0, 64) || null;
}

function anonymousName() {
  const key = `gif-study/${study.study_id}`;
  const name = memory.read(key) ?? `anonymous-${randomSeed().toString(36)}`;
  memory.write(key, name);
  return name;
}

function randomSeed() {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

const prolificPid = urlName("PROLIFIC_PID");
const participant = prolificPid ?? urlName("participant") ?? anonymousName();
const stateKey = `gif-study/${study.study_id}/${participant}`;
let state = memory.read(stateKey); // null before the first question

function save() {
  memory.write(stateKey, state);
}

let asking = null; // what startStudy was given

// ---- Chance, a function of a seed -------------------------------------------------------------

// Mulberry32: uniform numbers in [0, 1).
function randomNumbers(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function randomBelow(limit, random) {
  return Math.floor(random() * limit);
}

function shuffled(list, random) {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last--) {
    const other = randomBelow(last + 1, random);
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}

// ---- Screens ----------------------------------------------------------------------------------

function show(screen) {
  for (const section of document.querySelectorAll("section")) {
    section.hidden = section.id !== screen;
  }
  element(`${screen}-heading`).focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function writeParagraphs(container, paragraphs) {
  container.replaceChildren(
    ...paragraphs.map((text) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = text;
      return paragraph;
    }),
  );
}

function showConsent() {
  writeParagraphs(element("consent-text"), study.consent);
  element("consent-form").onsubmit = (event) => {
    event.preventDefault();
    showInstructions();
  };
  show("consent");
}

function showInstructions() {
  writeParagraphs(element("instructions-text"), study.instructions);
  asking.showExample();
  element("so-far").textContent = state
    ? `Welcome back: you have answered ${state.answers.length} of ${state.trials.length} questions.`
    : "";
  element("begin").textContent = state ? "Continue" : "Start";
  element("begin").onclick = () => {
    state ??= newState();
    save();
    asking.showQuestion();
  };
  show("instructions");
}

function newState() {
  const seed = randomSeed();
  return {
    seed,
    started: new Date().toISOString(),
    finished: null,
    delivered: false,
    trials: asking.planTrials(seed),
    answers: [], // of the first trials
  };
}

// ---- The end ----------------------------------------------------------------------------------

function result() {
  return {
    format: "gif-study-result",
    version: 1,
    study: study.study,
    study_id: study.study_id,
    participant,
    prolific_pid: prolificPid,
    seed: state.seed,
    started: state.started,
    finished: state.finished,
    complete: state.answers.length === state.trials.length,
    user_agent: navigator.userAgent,
    trials: state.answers.map((given, index) => ({ ...state.trials[index], ...given })),
  };
}

function resultCsv() {
  const { trials, ...session } = result();
  const cell = (value) => {
    const text = String(value ?? "");
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = trials.map((trial) => ({ ...session, ...trial }));
  const { columns } = asking;
  const lines = rows.map((row) => columns.map((name) => cell(row[name])).join(","));
  return [columns.join(","), ...lines, ""].join("\r\n");
}

function download(text, type, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = `result-${participant}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  state.delivered ||= !study.post_url; // else sending can still be tried
  handedIn("Your answers are in your downloads folder.");
}

element("download-json").onclick = () =>
  download(JSON.stringify(result(), null, 1), "application/json", "json");
element("download-csv").onclick = () => download(resultCsv(), "text/csv", "csv");
element("send").onclick = send;

function finish() {
  state.finished ??= new Date().toISOString();
  save();
  show("end");
  if (state.delivered) {
    handedIn("Your answers have been handed in.");
  } else if (study.post_url) {
    send();
  } else {
    element("delivery").textContent =
      "You have answered all questions. Please download your answers (JSON) now and hand them in.";
  }
}

async function send() {
  element("send").hidden = true;
  element("delivery").textContent = "Your answers are being sent. Please keep this page open.";
  for (let attempt = 0; attempt < SENDING_ATTEMPTS; attempt++) {
    if (attempt) await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt));
    try {
      const response = await fetch(study.post_url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(result()),
      });
      if (response.ok) {
        state.delivered = true;
        handedIn("Your answers have been sent. You may close this page.");
        return;
      }
    } catch {
      // No connection: tried again after a pause.
    }
  }
  element("delivery").textContent =
    "Your answers could not be sent. They are saved in this browser: try again, or download them " +
    "and hand them in.";
  element("send").hidden = false;
}

// The completion code appears once the answers are in safe hands.
function handedIn(message) {
  save();
  element("delivery").textContent = message;
  if (study.completion_code) {
    const code = study.completion_code;
    element("code").textContent = code;
    element("prolific").href =
      `https://app.prolific.com/submissions/complete?cc=${encodeURIComponent(code)}`;
    element("prolific").hidden = !prolificPid;
    element("completion").hidden = false;
  }
}

// ---- The beginning ----------------------------------------------------------------------------

function startStudy(questions) {
  asking = questions;
  element("download-csv").hidden = !asking.columns;
  if (!state) {
    showConsent();
  } else if (state.finished) {
    finish();
  } else {
    showInstructions();
  }
}
