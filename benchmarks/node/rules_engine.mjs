// An engine of json-rules-engine with the workload's rules.
import rulesEnginePackage from "json-rules-engine";

const { Engine } = rulesEnginePackage;

export function rulesEngine(rules) {
  const engine = new Engine();
  engine.addOperator("startsWith", (value, prefix) => value.startsWith(prefix));
  for (const rule of rules) {
    const at = (fact, operator, value) => ({ fact, operator, value });
    engine.addRule({
      conditions: {
        all: [
          at("path", "startsWith", rule.prefix),
          at("time_s", "greaterThanInclusive", rule.time_s),
          at("score", "greaterThanInclusive", rule.score),
          at("scroll", "greaterThanInclusive", rule.scroll),
          ...(rule.needs_flag ? [at("flag", "equal", true)] : []),
        ],
      },
      event: { type: "matched", params: { number: rule.number } },
    });
  }
  return engine;
}
