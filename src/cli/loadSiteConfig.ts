import type { Config } from '../config/config.ts'
import type { Environment } from '../config/environment.ts'
import { type LoadedConfig, loadConfigFile } from '../config/load.ts'
import type { PartialConfig } from '../config/partialConfig.ts'
import type { SiteValues } from '../config/siteSections.ts'
import { riskSettings } from './risk/section.ts'
import { consumerSettings } from './traffic/consumerSection.ts'

/** The sections of the file that the tracker does not read. */
export const SITE_SECTIONS = { risk: riskSettings, consumer: consumerSettings } as const
type SiteSections = typeof SITE_SECTIONS

/** The tracker's configuration with the site's sections. */
export type SiteConfig = Config & SiteValues<SiteSections>

/**
 * Reads a file of which every section is known.
 *
 * @throws ConfigError with every problem of the file
 */
export function loadSiteConfig(
  path: string,
  env: Environment = process.env,
  part?: PartialConfig,
): LoadedConfig<SiteSections> {
  return loadConfigFile(path, env, { sections: SITE_SECTIONS, ...(part && { part }) })
}
