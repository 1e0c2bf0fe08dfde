// Makes package-lock.json hold what an install needs and nothing else. `npm run lock` calls it.
//
// - Optional packages that this lock does not pin (binaries for other systems) are no longer asked for: `npm ci` would
//   refuse the lock as incomplete wherever a registry lacks one of them.
// - Funding links are addresses of the world outside; they install nothing.
import { readFileSync, writeFileSync } from "node:fs";

const path = "package-lock.json"; // of the folder where npm runs the script
const lock = JSON.parse(readFileSync(path, "utf8"));
const isPinned = (parent, name) =>
  `node_modules/${name}` in lock.packages || `${parent}/node_modules/${name}` in lock.packages;

for (const [place, entry] of Object.entries(lock.packages)) {
  delete entry.funding;
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!isPinned(place, name)) delete entry.optionalDependencies[name];
  }
}
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
