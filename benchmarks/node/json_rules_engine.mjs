// json-rules-engine: all rules in one engine, which runs them for each state.
import { answerAll, workload } from "./answer_all.mjs";
import { rulesEngine } from "./rules_engine.mjs";

const work = workload();
const engine = rulesEngine(work.rules);

await answerAll(work, async (state) => {
  const { events } = await engine.run(state);
  return events.map((event) => event.params.number).sort((one, other) => one - other);
});
