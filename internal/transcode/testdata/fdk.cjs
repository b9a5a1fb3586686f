// node fdk.cjs in.wav out.aac OPTIONS: runs the ffmpeg of @ffmpeg/core-st,
// unpacked in ./package, on files of the current folder.
delete globalThis.fetch; // or it takes node for a browser
const fs = require("fs");
const path = require("path");
const create = require(path.resolve("package/dist/ffmpeg-core.js"));

const [input, output, ...options] = process.argv.slice(2);
create({
  locateFile: (p) => path.resolve("package/dist", p),
  print: () => {},
  printErr: () => {},
  quit: () => {},
}).then((core) => {
  core.FS.writeFile(input, fs.readFileSync(input));
  const args = ["ffmpeg", "-nostdin", "-i", input, ...options, output];
  const argv = core._malloc(args.length * 4);
  args.forEach((s, i) => {
    const at = core._malloc(s.length + 1);
    core.HEAPU8.set(Buffer.from(s + "\0"), at);
    core.setValue(argv + i * 4, at, "i32");
  });
  try {
    core._main(args.length, argv);
  } catch (e) {
    // It ends by an exception that carries the exit status.
  }
  fs.writeFileSync(output, core.FS.readFile(output));
});
