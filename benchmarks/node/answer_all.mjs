// Asks for all states and keeps the answers; then asks over and over for a while and measures.
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

export function workload() {
  return JSON.parse(readFileSync(process.argv[2], "utf8"));
}

export async function answerAll(work, matching) {
  const answers = [];
  let began = performance.now();
  const passed = () => (performance.now() - began) / 1000;
  for (const state of work.states) {
    answers.push(await matching(state));
    if (passed() > work.answers_s_max && answers.length >= work.answers_min) break;
  }
  let operations = answers.length;
  let seconds = passed();
  if (seconds <= work.timed_s) {
    operations = 0;
    began = performance.now();
    while (passed() < work.timed_s) {
      for (const state of work.states) await matching(state);
      operations += work.states.length;
    }
    seconds = passed();
  }
  process.stdout.write(JSON.stringify({ answers, operations, seconds }));
}
