// `npm start`. Judges the Node it runs on before loading anything that an old one could not read.
import { complaintAboutNode } from './nodeVersion.mjs'

const complaint = complaintAboutNode(process.versions.node)
if (complaint) {
  process.stderr.write(`${complaint}\n`)
  process.exitCode = 1
} else {
  await import('./demo.ts')
}
