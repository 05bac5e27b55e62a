// Serves /v1/chat/completions on loopback from a small model in a GGUF file, one question after the other.
//
// node serve.mjs FOLDER FILE: FOLDER holds node_modules/node-llama-cpp. Prints its port once it listens.
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, weights] = process.argv.slice(2).map((path) => resolve(path));
const entry = join(folder, "node_modules", "node-llama-cpp", "dist", "index.js");
const { getLlama, LlamaChat } = await import(pathToFileURL(entry));

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error" });
const model = await llama.loadModel({ modelPath: weights });
// One thread: several spin while they wait for each other, which takes minutes on a busy machine.
const context = await model.createContext({ contextSize: 4_096, threads: 1 });
const sequence = context.getSequence();

const TYPES = { system: "system", user: "user", assistant: "model" };

function history(messages) {
  const items = messages.map(({ role, content }) =>
    role === "assistant"
      ? { type: "model", response: [content] }
      : { type: TYPES[role], text: content },
  );
  // What is generated is put into the last, empty answer.
  return [...items, { type: "model", response: [] }];
}

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return JSON.parse(Buffer.concat(pieces).toString("utf8"));
}

async function complete(request, response) {
  const asked = await read(request);
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
  const say = (delta, finish_reason = null) =>
    send({ object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] });
  const chat = new LlamaChat({ contextSequence: sequence });
  try {
    const { response: text, metadata } = await chat.generateResponse(history(asked.messages), {
      maxTokens: asked.max_tokens,
      temperature: asked.temperature,
      signal: gone.signal,
      stopOnAbortSignal: true,
      onTextChunk: (content) => say({ content }),
    });
    say({}, metadata.stopReason === "maxTokens" ? "length" : "stop");
    const prompt_tokens = model.tokenize(asked.messages.map((one) => one.content).join("\n")).length;
    const completion_tokens = model.tokenize(text).length;
    const total_tokens = prompt_tokens + completion_tokens;
    send({ choices: [], usage: { prompt_tokens, completion_tokens, total_tokens } });
    response.end("data: [DONE]\n\n");
  } finally {
    chat.dispose({ disposeSequence: false });
    sequence.clearHistory();
  }
}

let turn = Promise.resolve();
const server = createServer((request, response) => {
  if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
    response.writeHead(404).end();
    return;
  }
  turn = turn.then(() => complete(request, response)).catch((error) => {
    console.error(error.name);
    response.destroy();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
