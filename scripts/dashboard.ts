import { mkdirSync, writeFileSync } from 'node:fs'
import { dashboardText } from './dashboard/build.ts'

/** Writes dist/grafana/dashboards/redswarm.json anew, which is checked in. `npm run dashboard`. */
const FOLDER = new URL('../dist/grafana/dashboards/', import.meta.url)

mkdirSync(FOLDER, { recursive: true })
writeFileSync(new URL('redswarm.json', FOLDER), dashboardText())
