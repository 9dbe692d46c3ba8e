//! Charts as SVG, without fonts of this machine: whoever shows them has a sans-serif.

use plotters::prelude::*;

use crate::failure::Failure;
use crate::train::confusion::Confusion;
use crate::train::sentence;

const SIZE: (u32, u32) = (640, 480);
/// Pixels of a cell of a matrix.
const CELL: i32 = 52;
/// Pixels for the names beside a matrix.
const NAMES: i32 = 210;

/// Told apart by people who see colours differently (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(230, 159, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];
const GREY: RGBColor = RGBColor(150, 150, 150);

/// Axes from 0 on, to 1 across.
pub(super) struct Axes {
    pub(super) across: &'static str,
    pub(super) up: &'static str,
    /// Where the axis up ends.
    pub(super) top: f64,
    /// A line where both are equal.
    pub(super) diagonal: bool,
}

/// A named line of points within the axes.
pub(super) type Series = (String, Vec<(f64, f64)>);

/// Lines, with a legend if there are several.
pub(super) fn lines(title: &str, axes: &Axes, series: &[Series]) -> Result<String, Failure> {
    let mut svg = String::new();
    draw_lines(&mut svg, title, axes, series).map_err(sentence)?;
    Ok(svg)
}

fn draw_lines(
    svg: &mut String,
    title: &str,
    axes: &Axes,
    series: &[Series],
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..1.0, 0.0..axes.top)?;
    chart
        .configure_mesh()
        .x_desc(axes.across)
        .y_desc(axes.up)
        .label_style(("sans-serif", 14))
        .light_line_style(TRANSPARENT)
        .draw()?;
    if axes.diagonal {
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], GREY))?;
    }
    for ((name, points), &colour) in series.iter().zip(COLOURS.iter().cycle()) {
        // Points are marked where they are few enough to be told apart.
        let size = if points.len() <= 20 { 3 } else { 0 };
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(size);
        chart
            .draw_series(line)?
            .label(name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    if series.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(GREY)
            .label_font(("sans-serif", 14))
            .draw()?;
    }
    area.present()?;
    Ok(())
}

/// Counts as a matrix: a row for each truth, darker the greater its share of the row.
pub(super) fn matrix(
    title: &str,
    labels: &[String],
    confusion: &Confusion,
) -> Result<String, Failure> {
    let mut svg = String::new();
    draw_matrix(&mut svg, title, labels, confusion).map_err(sentence)?;
    Ok(svg)
}

fn draw_matrix(
    svg: &mut String,
    title: &str,
    labels: &[String],
    confusion: &Confusion,
) -> Result<(), Box<dyn std::error::Error>> {
    let side = CELL * i32::try_from(labels.len())?;
    let size = (u32::try_from(NAMES + side + 20)?.max(SIZE.0), u32::try_from(side + 90)?);
    let area = SVGBackend::with_string(svg, size).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |size: i32| TextStyle::from(("sans-serif", size).into_font());
    area.draw(&Text::new(title.to_owned(), (12, 12), text(18)))?;
    for ((row, label), y) in labels.iter().enumerate().zip((0..).map(|row| 70 + row * CELL)) {
        let name = format!("{} {label}", row + 1);
        area.draw(&Text::new(name, (12, y + CELL / 2 - 7), text(14)))?;
        let number =
            Text::new((row + 1).to_string(), (NAMES + y - 70 + CELL / 2 - 4, 48), text(14));
        area.draw(&number)?;
        let all = confusion.support(row).max(1) as f64;
        for (&count, x) in
            confusion.row(row).iter().take(labels.len()).zip((0..).map(|at| NAMES + at * CELL))
        {
            let share = count as f64 / all;
            let fill = COLOURS[0].mix(share).filled();
            area.draw(&Rectangle::new([(x, y), (x + CELL - 2, y + CELL - 2)], fill))?;
            let ink = if share > 0.5 { WHITE } else { BLACK };
            let place = (x + 8, y + CELL / 2 - 7);
            area.draw(&Text::new(count.to_string(), place, text(13).color(&ink)))?;
        }
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(svg: &str) -> roxmltree::Document<'_> {
        let document = roxmltree::Document::parse(svg).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "svg");
        document
    }

    #[test]
    fn charts_are_well_formed_whatever_the_names() {
        let hostile = "a<script>&\"'</script>".to_owned();
        let axes = Axes { across: "x", up: "y", top: 1.0, diagonal: true };
        let series = [(hostile.clone(), vec![(0.0, 0.5), (1.0, 0.25)]), ("b".to_owned(), vec![])];
        let svg = lines("<&>", &axes, &series).unwrap();
        let texts = |document: &roxmltree::Document<'_>| -> String {
            document.descendants().filter_map(|node| node.text()).collect()
        };
        assert!(texts(&parsed(&svg)).contains(&hostile));
        assert!(!parsed(&svg).descendants().any(|node| node.tag_name().name() == "script"));

        let confusion = Confusion::of(2, [(0, Some(0)), (1, Some(0))].into_iter());
        let svg = matrix("m", &[hostile.clone(), "b".to_owned()], &confusion).unwrap();
        assert!(texts(&parsed(&svg)).contains(&hostile));
    }
}
