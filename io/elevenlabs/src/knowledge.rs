//! What agents can look up.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Account, ApiError, Body, Page, Upload, account::step, multipart::Form, page::Turning};

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentSource {
    /// A page of the web.
    Url(String),
    /// Text.
    Text(String),
    /// A file: PDF, DOCX, EPUB, HTML or text.
    File(Upload),
}

/// A document.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Document {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// `url`, `text`, `file` or `folder`; where the platform says.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Which documents are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnowledgeQuery {
    /// The beginning of the name. Default: any.
    pub search: Option<String>,
    /// Any of these kinds. Default: any.
    pub types: Vec<String>,
    /// 1 to 100. Default 30, by the platform.
    pub page_size: Option<u32>,
    /// [`Page::next`] of the page before. Default: the first page.
    pub cursor: Option<String>,
}

/// The account's knowledge base. From [`Account::knowledge`].
#[derive(Clone, Copy, Debug)]
pub struct Knowledge<'a>(&'a Account);

impl Account {
    /// The account's knowledge base.
    pub const fn knowledge(&self) -> Knowledge<'_> {
        Knowledge(self)
    }
}

impl Knowledge<'_> {
    /// Takes a document in, under a name if one is given.
    pub async fn add(
        &self,
        source: &DocumentSource,
        name: Option<&str>,
    ) -> Result<Document, ApiError> {
        let mut body = Map::new();
        body.extend(name.map(|name| ("name".to_owned(), Value::from(name))));
        let (kind, field, value) = match source {
            DocumentSource::Url(url) => ("url", "url", url),
            DocumentSource::Text(text) => ("text", "text", text),
            DocumentSource::File(file) => {
                let form =
                    Form::default()
                        .maybe("name", name)
                        .file("file", &file.name, &file.bytes);
                let request = self.0.post("/v1/convai/knowledge-base/file").once_only();
                return request.form(form).read().await;
            }
        };
        body.insert(field.to_owned(), Value::from(value.as_str()));
        let request = self.0.post(&format!("/v1/convai/knowledge-base/{kind}"));
        request.once_only().json(&body)?.read().await
    }

    /// A page of documents.
    pub async fn list(&self, query: &KnowledgeQuery) -> Result<Page<Document>, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            documents: Vec<Document>,
            #[serde(flatten)]
            turning: Turning,
        }
        let mut request = self
            .0
            .get("/v1/convai/knowledge-base")
            .maybe("page_size", query.page_size)
            .maybe("search", query.search.as_ref())
            .maybe("cursor", query.cursor.as_ref());
        for kind in &query.types {
            request = request.query("types", kind);
        }
        let answer: Answer = request.read().await?;
        Ok(answer.turning.page(answer.documents))
    }

    /// One document.
    pub async fn get(&self, id: &str) -> Result<Document, ApiError> {
        self.0.get(&path(id)).read().await
    }

    /// What is in a document, as text or HTML, as it comes.
    pub async fn content(&self, id: &str) -> Result<Body, ApiError> {
        self.0.get(&format!("{}/content", path(id))).stream().await
    }

    /// Gives a document another name.
    pub async fn rename(&self, id: &str, name: &str) -> Result<Document, ApiError> {
        let request = self.0.request(Method::PATCH, &path(id));
        request.json(&json!({ "name": name }))?.read().await
    }

    /// Deletes a document; with `force` also where agents have it.
    pub async fn delete(&self, id: &str, force: bool) -> Result<(), ApiError> {
        let request = self.0.request(Method::DELETE, &path(id));
        request.maybe("force", force.then_some(true)).done().await
    }
}

fn path(id: &str) -> String {
    format!("/v1/convai/knowledge-base/{}", step(id))
}
