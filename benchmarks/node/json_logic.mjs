// json-logic-js: one logic a rule, asked one after the other.
import jsonLogic from "json-logic-js";
import { answerAll, workload } from "./answer_all.mjs";

const work = workload();
const at = (name) => ({ var: name });
const logics = work.rules.map((rule) => ({
  and: [
    { "===": [{ substr: [at("path"), 0, rule.prefix.length] }, rule.prefix] },
    { ">=": [at("time_s"), rule.time_s] },
    { ">=": [at("score"), rule.score] },
    { ">=": [at("scroll"), rule.scroll] },
    ...(rule.needs_flag ? [at("flag")] : []),
  ],
}));

await answerAll(work, (state) => {
  const found = [];
  for (let number = 0; number < logics.length; number += 1) {
    if (jsonLogic.apply(logics[number], state)) found.push(number);
  }
  return found;
});
