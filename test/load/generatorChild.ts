import { readFileSync, writeFileSync } from 'node:fs'
import { runLoad } from '../../src/load/run.ts'

/** Arguments: a JSON file with the LoadPlan, and the file that the LoadResult goes to. */
const [planFile = '', resultFile = ''] = process.argv.slice(2)

const plan = JSON.parse(readFileSync(planFile, 'utf8'))
const result = await runLoad(plan, { signal: new AbortController().signal, onProgress: () => undefined })
writeFileSync(resultFile, JSON.stringify(result))
