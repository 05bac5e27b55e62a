// Builds the widget into server/static; `--check` builds and compares with what is committed instead,
// `--sizes` only says what each file weighs, gzipped.
import { readFile, writeFile } from "node:fs/promises";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync } from "node:zlib";

import zopfli from "@gfx/zopfli";
import { build, transform } from "esbuild";
import { minify } from "terser";
import uglify from "uglify-js";

const STATIC = new URL("../server/static/", import.meta.url);
const KB = 1_000;
// A built file, what it is built from, and how large it may be once packed (docs/decisions.md 50).
const FILES = [
  { name: "widget.js", entry: "widget/main.ts", gzipMax: 12 * KB, brotliMax: 11.2 * KB, kept: true },
  { name: "booking.js", entry: "widget/booking.ts", gzipMax: 1.2 * KB, isModule: true, kept: true },
  { name: "sound.js", entry: "widget/sound.ts", gzipMax: 0.3 * KB, isModule: true, kept: true },
  { name: "measuring.js", entry: "widget/measuring.ts", gzipMax: 4 * KB, isAlone: true, kept: false },
  { name: "stub.js", entry: "widget/stub.ts", rawMax: 300, kept: true },
];
// Browsers that update themselves, of the last two years.
const TARGET = "es2022";
const CSS_TARGET = "chrome123";
// Two minifiers, one after the other: each finds what the other leaves.
const TERSER = {
  ecma: 2022,
  toplevel: true,
  compress: { passes: 5, inline: 1, pure_getters: true, unsafe_arrows: true, keep_fargs: false, hoist_funs: true },
  format: { ascii_only: true, comments: false },
};
const UGLIFY = {
  toplevel: true,
  compress: { module: true, passes: 5, inline: 1, pure_getters: true, keep_fargs: false },
  output: { ascii_only: true },
};
const ZOPFLI = { numiterations: 50 };

const isCheck = process.argv.includes("--check");
const isSizes = process.argv.includes("--sizes");
let failed = false;

function complain(words) {
  failed = true;
  console.error(`web: ${words}`);
}

// Style sheets come in as texts; their own custom properties get short names, the site's keep theirs.
const styles = {
  name: "styles",
  setup(builder) {
    builder.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), {
        loader: "css",
        minify: true,
        target: CSS_TARGET,
      });
      return { contents: shortened(code.trim()), loader: "text" };
    });
  },
};

// Measuring alone is built to be weighed: without the chat that it tells of all that concerns it.
const alone = {
  name: "alone",
  setup(builder) {
    builder.onResolve({ filter: /^\.\/chat$/ }, ({ resolveDir }) => ({ path: `${resolveDir}/no_chat.ts` }));
  },
};

function shortened(css) {
  const names = new Map();
  const renamed = css.replace(/--(?!opportune-|color\b)[a-z]+/g, (name) => {
    if (!names.has(name)) names.set(name, `--${(10 + names.size).toString(36)}`);
    return names.get(name);
  });
  // The values of custom properties come as they were written; plus and minus need their spaces.
  return renamed.replace(/--\w+:[^;}]+/g, (property) => property.replace(/([:,*]) | (?=\*)/g, "$1"));
}

async function built({ entry, isModule, isAlone }) {
  const result = await build({
    absWorkingDir: new URL(".", import.meta.url).pathname,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: isModule ? "esm" : "iife",
    target: [TARGET],
    charset: "ascii",
    legalComments: "none",
    plugins: isAlone ? [styles, alone] : [styles],
    // Names that end in an underscore are ours alone: nobody outside reads them.
    mangleProps: /[a-z]_$/,
  });
  const first = await minify(constantsFirst(result.outputFiles[0].text), { ...TERSER, module: isModule });
  const { code, error } = uglify.minify(first.code, UGLIFY);
  if (error) throw error;
  if (!isModule && /^(var|let|const|class|function)\b/.test(code)) complain(`${entry} leaves names in the page`);
  return Buffer.from(code);
}

// Modules that call each other come in no order in which each constant is there before whoever reads it, and what
// might be read before stays a variable. Put first, constants are written out where they are used.
function constantsFirst(code) {
  const constants = /^ *var (?:[A-Z][A-Z\d_]*|\w+_default) = .*;\n/gm;
  const found = code.match(constants) ?? [];
  const rest = code.replace(constants, "");
  const first = rest.search(/^ *\/\/ widget\//m);
  return rest.slice(0, first) + found.join("") + rest.slice(first);
}

async function gzipped(bytes) {
  return Buffer.from(await zopfli.gzipAsync(bytes, ZOPFLI));
}

async function committed(name) {
  try {
    return await readFile(new URL(name, STATIC));
  } catch {
    return Buffer.alloc(0);
  }
}

async function compare(name, bytes) {
  const same =
    bytes.equals(await committed(name)) &&
    bytes.equals(unpacked(gunzipSync, await committed(`${name}.gz`))) &&
    bytes.equals(unpacked(brotliDecompressSync, await committed(`${name}.br`)));
  if (!same) complain(`server/static/${name} is not what web/ builds. Try: npm --prefix web run build`);
}

function unpacked(unpack, bytes) {
  try {
    return unpack(bytes);
  } catch {
    return Buffer.alloc(0);
  }
}

async function keep(name, bytes, packed) {
  await writeFile(new URL(name, STATIC), bytes);
  await writeFile(new URL(`${name}.gz`, STATIC), packed);
  await writeFile(new URL(`${name}.br`, STATIC), brotlied(bytes));
}

function brotlied(bytes) {
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } });
}

for (const file of FILES) {
  const { name, brotliMax, gzipMax, rawMax, kept } = file;
  const bytes = await built(file);
  const packed = await gzipped(bytes);
  if (isSizes) {
    console.log(`${name} ${packed.length}`);
    continue;
  }
  const smallest = brotlied(bytes).length;
  console.log(`${name.padEnd(14)}${bytes.length} B, gzipped ${packed.length} B, brotli ${smallest} B`);
  if (brotliMax && smallest > brotliMax) complain(`${name}: ${smallest} B of brotli, ${brotliMax} are allowed`);
  if (gzipMax && packed.length > gzipMax) complain(`${name}: ${packed.length} B gzipped, ${gzipMax} are allowed`);
  if (rawMax && bytes.length > rawMax) complain(`${name}: ${bytes.length} B, ${rawMax} are allowed`);
  if (kept && isCheck) await compare(name, bytes);
  if (kept && !isCheck) await keep(name, bytes, packed);
}
process.exitCode = failed ? 1 : 0;
