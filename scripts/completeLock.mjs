// Run after `npm install` where the registry lacks packages of other platforms: npm then leaves them out of the lockfile,
// and `npm ci` refuses it everywhere. Adds each with the version its parent asks for, and os and cpu from its name.
import { readFileSync, writeFileSync } from 'node:fs'

const LOCKFILE = new URL('../package-lock.json', import.meta.url)
const SYSTEMS = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const PROCESSORS = ['arm64', 'x64', 'arm', 'ppc64', 'riscv64', 's390x', 'ia32']

const lock = JSON.parse(readFileSync(LOCKFILE, 'utf8'))
const { packages } = lock

/** Whether a package that stands at `path` would find `name` in its own or an outer node_modules. */
function isFound(path, name) {
  for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder ? `${folder}/` : ''}node_modules/${name}`]) return true
    if (folder === '') return false
  }
}

let added = 0
for (const [path, { optionalDependencies = {} }] of Object.entries({ ...packages })) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (isFound(path, name)) continue
    const words = name.split(/[-/]/)
    const os = SYSTEMS.find((each) => words.includes(each))
    const cpu = PROCESSORS.find((each) => words.includes(each))
    if (!os || !cpu || !/^\d+\.\d+\.\d+$/.test(version)) continue // no platform's package
    const libc = os === 'linux' ? { libc: [name.includes('musl') ? 'musl' : 'glibc'] } : {}
    packages[`node_modules/${name}`] = { version, cpu: [cpu], dev: true, ...libc, optional: true, os: [os] }
    added++
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(LOCKFILE, `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`${added} added\n`)
