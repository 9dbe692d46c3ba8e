//! Reading Fluent Bit's configs, YAML and classic, into one form.

use serde_json::Value;

/// What a config says of one plugin. A setting may stand several times.
#[derive(Debug, PartialEq)]
pub struct Plugin {
    pub settings: Vec<(String, String)>,
    /// Processors for logs; the classic syntax has none.
    pub processors: Vec<Plugin>,
}

/// A config: its pipeline, each kind in its order.
#[derive(Debug, PartialEq)]
pub struct Pipeline {
    pub inputs: Vec<Plugin>,
    pub filters: Vec<Plugin>,
    pub outputs: Vec<Plugin>,
}

impl Plugin {
    pub fn name(&self) -> &str {
        self.get("name").expect("a plugin has a name")
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.settings.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    pub fn is_on(&self, key: &str) -> bool {
        ["on", "true", "yes"].contains(&self.get(key).unwrap_or("off"))
    }
}

impl Pipeline {
    /// Filters, and processors of inputs.
    pub fn all_filters(&self) -> impl Iterator<Item = &Plugin> {
        self.inputs.iter().flat_map(|input| &input.processors).chain(&self.filters)
    }

    pub fn from_yaml(text: &str) -> Self {
        let config: Value = serde_saphyr::from_str(text).expect("YAML");
        let kind = |name: &str| plugins(&config["pipeline"][name]);
        let pipeline =
            Self { inputs: kind("inputs"), filters: kind("filters"), outputs: kind("outputs") };
        let sections: Vec<_> = config["pipeline"].as_object().expect("a pipeline").keys().collect();
        assert!(sections.iter().all(|name| ["inputs", "filters", "outputs"].contains(&&***name)));
        pipeline
    }

    /// `[SECTION]`, then lines of a key and the rest of the line; `#` begins a comment line.
    pub fn from_classic(text: &str) -> Self {
        let mut sections: Vec<(&str, Plugin)> = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                sections.push((name, Plugin { settings: Vec::new(), processors: Vec::new() }));
                continue;
            }
            let (key, value) = line.split_once(' ').expect("a key and a value");
            let (_, section) = sections.last_mut().expect("a section comes first");
            section.settings.push((key.to_lowercase(), value.trim().to_owned()));
        }
        let mut pipeline = Self { inputs: Vec::new(), filters: Vec::new(), outputs: Vec::new() };
        for (name, section) in sections {
            match name {
                "INPUT" => pipeline.inputs.push(section),
                "FILTER" => pipeline.filters.push(section),
                "OUTPUT" => pipeline.outputs.push(section),
                "SERVICE" => {}
                other => panic!("unknown section [{other}]"),
            }
        }
        pipeline
    }

    /// The same in one spelling: settings sorted, switches in lower case.
    pub fn normal(mut self) -> Self {
        for plugin in self.inputs.iter_mut().chain(&mut self.filters).chain(&mut self.outputs) {
            plugin.settings.sort_by(|a, b| a.0.cmp(&b.0));
            for (_, value) in &mut plugin.settings {
                if value.eq_ignore_ascii_case("on") || value == "true" {
                    *value = "on".to_owned();
                }
            }
        }
        self
    }
}

fn plugins(list: &Value) -> Vec<Plugin> {
    list.as_array().into_iter().flatten().map(plugin).collect()
}

fn plugin(value: &Value) -> Plugin {
    let mut settings = Vec::new();
    for (key, value) in value.as_object().expect("a plugin is a map") {
        match value {
            Value::Object(_) if key == "processors" => {}
            Value::Array(values) => {
                settings.extend(values.iter().map(|value| (key.clone(), scalar(value))));
            }
            value => settings.push((key.clone(), scalar(value))),
        }
    }
    Plugin { settings, processors: plugins(&value["processors"]["logs"]) }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        other => panic!("a setting is one value: {other}"),
    }
}
