//! Nothing is lost: taking our additions out of the output gives the input, byte for byte.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::place::Place;

/// Cells as logs have them at their worst.
fn nasty_cells() -> Vec<Vec<u8>> {
    let mut cells: Vec<Vec<u8>> = [
        b"".as_slice(),
        b" ",
        b"\"\"",
        b"\"a \"\"quote\"\", a comma\"",
        b"\"two\nlines\"",
        b"\"two\r\nlines\r\"",
        b"\"\n\n\"",
        b"in the \"middle\"",
        b"\xff\xfe\x80 not UTF-8",
        b"nul \x00 bytes \x00",
        b"\x1b[31mred\x1b[0m",
        b"semi;colon | bar \\ back\\\"slash",
        "\u{feff}mark \u{2028} \u{85} \u{202e}".as_bytes(),
        b"=cmd()",
        b",Error,rule,1,0123456789abcdef".split_at(1).1.split_at(5).0,
        b"{\"message\":\"boom\"}",
        b"boom",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    cells.push(vec![b'x'; 300_000]);
    cells
}

/// Takes our cells off every row: what is left must be the row. Gives the cells.
#[track_caller]
fn cells_of(output: &[u8], rows: &[(Vec<u8>, &[u8])]) -> Vec<String> {
    let mut rest = output;
    let mut cells = Vec::new();
    for (number, (content, end)) in rows.iter().enumerate() {
        rest = rest.strip_prefix(&**content).unwrap_or_else(|| {
            let there = String::from_utf8_lossy(&rest[..rest.len().min(200)]);
            panic!("row {number} is gone: {there:?}")
        });
        let ours = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
        cells.push(String::from_utf8(rest[..ours].to_vec()).expect("our cells are text"));
        rest = rest[ours..].strip_prefix(*end).expect("the row's line end");
    }
    assert_eq!(rest, b"", "something was added after the last row");
    cells
}

fn rows_of(cells: &[Vec<u8>]) -> Vec<(Vec<u8>, &'static [u8])> {
    let ends: [&[u8]; 3] = [b"\n", b"\r\n", b"\r"];
    let mut rows = Vec::new();
    for (number, cell) in cells.iter().cycle().take(cells.len() * 6).enumerate() {
        let end = ends[number % 3];
        let row = match number % 5 {
            0 => [b"s,", &**cell, b",n"].concat(),
            1 => [&**cell, b",boom,", cell].concat(),
            2 => [b"ragged,", &**cell].concat(),
            3 => [b"too,many,", &**cell, b",cells"].concat(),
            _ => [b"\"s\",", &**cell, b",\"\""].concat(),
        };
        rows.push((row, end));
    }
    rows
}

#[test]
fn csv() {
    let place = Place::new();
    let mut rows = rows_of(&nasty_cells());
    rows.push((b"s,boom,last".to_vec(), b""));
    let header = b"source,log_message,note";
    let mut input = [header.as_slice(), b"\r\n"].concat();
    for (content, end) in &rows {
        input.extend_from_slice(content);
        input.extend_from_slice(end);
    }
    place.file("a.csv", &input);
    let ran = place.classify(&["a.csv"]).ends(1);
    rows.insert(0, (header.to_vec(), b"\r\n"));
    let cells = cells_of(&ran.out, &rows);
    for (number, (cells, (content, _))) in cells.iter().zip(&rows).enumerate().skip(1) {
        match (number - 1) % 5 {
            _ if number == rows.len() - 1 => assert!(cells.starts_with(",Error,rule,1,")),
            // Two cells of three: one more delimiter to reach our columns.
            2 => assert_eq!(cells, ",,,,,", "{:?}", String::from_utf8_lossy(content)),
            3 => assert_eq!(cells, ",,,,"),
            1 => assert!(cells.starts_with(",Error,rule,1,"), "{cells}"),
            _ => assert_eq!(cells.matches(',').count(), 4),
        }
    }
}

#[test]
fn csv_with_blank_lines_and_an_open_quotation_mark() {
    let place = Place::new();
    let rows: Vec<(Vec<u8>, &[u8])> = [
        ("s,boom", "\n\n\n"),
        ("s,\"boom", "\r\n\r\n"),
        ("s,fine", "\n"),
        ("", "\n"),
        ("\"s,x", "\n"),
        ("   ", "\n"),
    ]
    .map(|(content, end)| (content.as_bytes().to_vec(), end.as_bytes()))
    .to_vec();
    let mut input = b"source,log_message\n".to_vec();
    input.extend(rows.iter().flat_map(|(content, end)| [&**content, end].concat()));
    place.file("a.csv", &input);
    let ran = place.classify(&["a.csv"]).ends(1);
    let header_end = ran.out.iter().position(|b| *b == b'\n').expect("a header") + 1;
    cells_of(&ran.out[header_end..], &rows);
}

/// Lines as records may be at their worst, and what is no record at all.
fn nasty_lines() -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = [
        b"{}".as_slice(),
        b" { } ",
        b"{\"message\":\"boom\"}",
        b"{\"message\":\"a\",\"message\":\"boom\"}",
        b"\t{ \"log\" : \"x \\ud800 \\u0000 \\\"}{\" , \"n\":-0.0e-7,\"deep\":[[{\"a\":[]}]] }  ",
        b"{\"message\":\"bytes \xff\xfe\"}",
        b"{\"message\":{\"not\":\"text\"},\"msg\":true}",
        b"{\"triage\":{\"label\":\"forged\"},\"message\":\"boom\"}",
        b"{\"triage_input\":1,\"triage\":2,\"message\":\"boom\"}",
        b"\xef\xbb\xbf{\"message\":\"marked\"}",
        b"[1,2]",
        b"\"text\"",
        b"null",
        b"{\"message\":\"open",
        b"{\"a\":1}{\"b\":2}",
        b"plain text \x00 \x1b[31m",
        b"\xff\xfe\x00",
        b"",
        b"   ",
        b"\r",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    lines.push([b"{\"message\":\"", &*vec![b'x'; 300_000], b"\"}"].concat());
    lines
}

/// Takes our object out of a record and puts back what it took the place of.
fn without_ours(line: &[u8]) -> Vec<u8> {
    let find = |text: &[u8], part: &[u8]| text.windows(part.len()).rposition(|at| at == part);
    let Some(start) = find(line, b"\"triage\":{\"label\":") else { return line.to_vec() };
    let length = line[start..].iter().position(|b| *b == b'}').expect("its end") + 1;
    let comma = usize::from(line[..start].ends_with(b","));
    let mut before = line[..start - comma].to_vec();
    for key in [b"triage_input".as_slice(), b"triage_input_input"] {
        if let Some(at) =
            before.windows(key.len() + 2).position(|w| w == [b"\"", key, b"\""].concat())
        {
            let shorter = at + 1 + key.len() - "_input".len();
            before.drain(shorter..shorter + "_input".len());
        }
    }
    [before, line[start + length..].to_vec()].concat()
}

#[test]
fn jsonl() {
    let place = Place::new();
    let lines = nasty_lines();
    for end in [b"\n".as_slice(), b"\r\n"] {
        let input = lines.join(end);
        place.file("a.jsonl", &input);
        let ran = place.classify(&["a.jsonl"]).ends(1);
        let back: Vec<_> = ran.out.split(|b| *b == b'\n').map(without_ours).collect();
        assert_eq!(back.len(), lines.len());
        for (back, line) in back.iter().zip(input.split(|b| *b == b'\n')) {
            assert!(back == line, "{:?}", String::from_utf8_lossy(&line[..line.len().min(200)]));
        }
        let labelled = ran.out.windows(18).filter(|w| w == b"\"triage\":{\"label\":").count();
        assert!(labelled > 10, "{labelled}");
    }
}

#[test]
fn plain() {
    let place = Place::new();
    let mut lines: Vec<Vec<u8>> = nasty_lines();
    lines.extend(nasty_cells().into_iter().filter(|cell| !cell.contains(&b'\n')));
    lines.extend([b"two\r\r".to_vec(), b"in\rside".to_vec(), b"last".to_vec()]);
    for end in [b"\n".as_slice(), b"\r\n"] {
        place.file("a.log", lines.join(end));
        let records = place.classify(&["a.log"]).quietly().records();
        assert_eq!(records.len(), lines.len());
        for (record, line) in records.iter().zip(&lines) {
            // A carriage return before a line feed is the line's end.
            let line = line.strip_suffix(b"\r").filter(|_| end == b"\n").unwrap_or(line);
            let message = match record["raw_base64"].as_str() {
                Some(raw) => BASE64_STANDARD.decode(raw).expect("base64"),
                None => record["message"].as_str().expect("a message").as_bytes().to_vec(),
            };
            assert_eq!(String::from_utf8_lossy(&message), String::from_utf8_lossy(line));
            assert!(message == *line);
        }
    }
}

/// Bytes that mean something to some reader, in no order.
fn soup(length: usize) -> Vec<u8> {
    let alphabet = b"\"\"\",,;\n\n\r\t {}[]:\\ab0\x00\x1b\xff\xef\xbb\xbf";
    let mut state: u64 = 7;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        alphabet[(state >> 33) as usize % alphabet.len()]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn soup_comes_out_whole() {
    let place = Place::new();
    let soup = soup(60_000);
    place.file("a.jsonl", &soup).file("a.csv", [b"source,log_message\n", &*soup].concat());
    let ran = place.classify(&["a.jsonl"]).ends(1);
    assert!(ran.out.split(|b| *b == b'\n').map(without_ours).eq(soup.split(|b| *b == b'\n')));
    let ran = place.classify(&["a.csv"]).ends(1);
    let mut bytes = ran.out.iter();
    assert!(soup.iter().all(|byte| bytes.any(|b| b == byte)), "all bytes, in their order");
}
