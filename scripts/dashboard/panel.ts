import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  type DataSourceRef,
  GraphGradientMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common'
import {
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard'
import {
  PanelBuilder as HeatmapBuilder,
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'

/** What a panel shows; how it looks is decided here, once for all. */
export interface PanelSpec {
  readonly title: string
  /** What the reader should make of it. */
  readonly description: string
  /** Grafana's name for it: `s`, `bytes`, `reqps`, `percentunit`, `short` … */
  readonly unit: string
  /** Expression by legend; `{{label}}` in a legend stands for the label's value. */
  readonly queries: Readonly<Record<string, string>>
  /** A number by itself, lines (unless said), lines on top of each other, or a histogram over time. */
  readonly kind?: 'stat' | 'stacked' | 'heatmap'
  /** Numbers by themselves turn yellow and red from here on. */
  readonly warnAt?: readonly [yellow: number, red: number]
  /** Of 24 columns. */
  readonly width?: number
}

export interface RowSpec {
  readonly title: string
  readonly panels: readonly PanelSpec[]
}

export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' }

const STAT_SIZE = { width: 4, height: 4 }
const GRAPH_SIZE = { width: 8, height: 8 }

export function panelOf(spec: PanelSpec, id: number): Builder<Panel> {
  const size = spec.kind === 'stat' ? STAT_SIZE : GRAPH_SIZE
  const panel = { stat, stacked: lines, lines, heatmap }
    [spec.kind ?? 'lines'](spec)
    .id(id)
    .title(spec.title)
    .description(spec.description)
    .datasource(DATASOURCE)
    .unit(spec.unit)
    .span(spec.width ?? size.width)
    .height(size.height)
  for (const [i, [legend, expr]] of Object.entries(spec.queries).entries()) {
    const query = new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + i))
      .datasource(DATASOURCE)
      .expr(expr)
      .legendFormat(legend)
    panel.withTarget(spec.kind === 'heatmap' ? query.format(PromQueryFormat.Heatmap) : query)
  }
  return panel
}

function stat({ warnAt }: PanelSpec) {
  const steps = [
    { value: null, color: 'green' },
    ...(warnAt
      ? [
          { value: warnAt[0], color: 'yellow' },
          { value: warnAt[1], color: 'red' },
        ]
      : []),
  ].sort((a, b) => Number(a.value ?? Number.NEGATIVE_INFINITY) - Number(b.value ?? Number.NEGATIVE_INFINITY))
  return new StatBuilder()
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
}

function lines({ kind }: PanelSpec) {
  const panel = new TimeseriesBuilder()
    .min(0)
    .lineWidth(1)
    .fillOpacity(kind === 'stacked' ? 40 : 8)
    .gradientMode(GraphGradientMode.None)
    .showPoints(VisibilityMode.Never)
    .axisPlacement(AxisPlacement.Auto)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
  return kind === 'stacked'
    ? panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'))
    : panel
}

function heatmap({ unit }: PanelSpec) {
  return new HeatmapBuilder()
    .calculate(false)
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme('Oranges').steps(64))
    .yAxis(new YAxisConfigBuilder().unit(unit))
}
