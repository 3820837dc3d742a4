#!/usr/bin/env node
// Plain JavaScript, so that a Node too old for the program still says so clearly.
const OLDEST_MAJOR = 24

// A reload that is asked for while the program loads must not end it: the file is read after this. From then on
// serve remembers it.
if (process.argv[2] === 'serve') process.on('SIGHUP', () => undefined)

if (Number.parseInt(process.versions.node, 10) >= OLDEST_MAJOR) {
  await import('../build/cli/main.js')
} else {
  process.stderr.write(
    `redswarm: needs Node ${OLDEST_MAJOR} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'In a clone "npm run redswarm -- ..." takes the one that npm installed, node_modules/.bin/node.\n',
  )
  process.exitCode = 1
}
