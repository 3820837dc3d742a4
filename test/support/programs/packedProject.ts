import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from './trackerProcesses.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/**
 * A project of somebody else's that uses the library: the package as `npm pack` makes it, and beside it nothing but the
 * dependencies that it declares and the packages named here. So what is imported and not declared is missed.
 *
 * @returns its folder
 */
export function packedProject(packages: readonly string[]): string {
  const folder = temporaryFolder()
  const modules = join(folder, 'node_modules')
  const packed = join(folder, 'packed')
  mkdirSync(packed)
  execFileSync('npm', ['pack', '--silent', '--pack-destination', packed], { cwd: root, stdio: 'pipe' })
  const [archive] = readdirSync(packed)
  execFileSync('tar', ['xzf', join(packed, archive!), '-C', packed])
  mkdirSync(modules)
  renameSync(join(packed, 'package'), join(modules, 'redswarm'))
  const { dependencies } = JSON.parse(readFileSync(join(modules, 'redswarm', 'package.json'), 'utf8'))
  for (const name of [...Object.keys(dependencies), ...packages]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(folder, 'package.json'), '{ "name": "some-site", "private": true, "type": "module" }\n')
  return folder
}
