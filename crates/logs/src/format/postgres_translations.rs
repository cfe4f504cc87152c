//! The words of PostgreSQL's message catalogues (`src/backend/po/*.po`, version 15), for servers whose `lc_messages` is
//! not English. SQLSTATE, where it is logged, needs no translation.

use memchr::{memchr, memmem, memrchr};

use crate::record::{Cancellation, PostgresEvent, Termination};
use crate::timestamp::{SECOND_US, digits, fraction_us};

/// Printed severities: the English word first, then its translations (de, es, fr, it, ja, ka, ko, pt, ru, sv, uk, zh).
const SEVERITIES: [&[&str]; 14] = [
    &["LOG", "LOGG", "СООБЩЕНИЕ", "ЗАПИСУВАННЯ", "日志", "로그", "ჟურნალი"],
    &[
        "ERROR",
        "FEHLER",
        "ERREUR",
        "ERRORE",
        "ERRO",
        "FEL",
        "ОШИБКА",
        "ПОМИЛКА",
        "错误",
        "오류",
        "エラー",
        "შეცდომა",
    ],
    &["FATAL", "FATALE", "FATALT", "ВАЖНО", "ФАТАЛЬНО", "致命错误", "치명적오류", "ფატალური"],
    &["PANIC", "PANIK", "PANICO", "PÂNICO", "ПАНИКА", "ПАНІКА", "比致命错误还过分的错误", "손상", "პანიკა"],
    &[
        "WARNING",
        "WARNUNG",
        "ATTENTION",
        "ATTENZIONE",
        "ADVERTENCIA",
        "AVISO",
        "VARNING",
        "ПРЕДУПРЕЖДЕНИЕ",
        "ПОПЕРЕДЖЕННЯ",
        "警告",
        "경고",
        "გაფრთხილება",
    ],
    &["NOTICE", "HINWEIS", "NOTIFICA", "NOTA", "NOTIS", "ЗАМЕЧАНИЕ", "ПОВІДОМЛЕННЯ", "注意", "알림"],
    &["INFO", "ИНФОРМАЦИЯ", "ІНФОРМАЦІЯ", "信息", "정보", "ინფორმაცია"],
    &[
        "DEBUG",
        "DEBUG1",
        "DEBUG2",
        "DEBUG3",
        "DEBUG4",
        "DEBUG5",
        "DEPURAÇÃO",
        "ОТЛАДКА",
        "НАЛАГОДЖЕННЯ",
        "调试",
        "디버그",
        "გამართვა",
    ],
    &[
        "DETAIL",
        "DÉTAIL",
        "DETALLE",
        "DETTAGLI",
        "DETALHE",
        "DETALJ",
        "ПОДРОБНОСТИ",
        "ВІДОМОСТІ",
        "详细信息",
        "상세정보",
        "詳細",
        "დეტალები",
    ],
    &[
        "HINT",
        "TIPP",
        "ASTUCE",
        "SUGERENCIA",
        "SUGGERIMENTO",
        "DICA",
        "TIPS",
        "ПОДСКАЗКА",
        "УКАЗІВКА",
        "提示",
        "힌트",
        "ヒント",
        "მინიშნება",
    ],
    &[
        "QUERY",
        "ANFRAGE",
        "REQUÊTE",
        "CONSULTA",
        "FRÅGA",
        "ЗАПРОС",
        "ЗАПИТ",
        "查询",
        "쿼리",
        "問い合わせ",
        "მოთხოვნა",
    ],
    &[
        "CONTEXT",
        "ZUSAMMENHANG",
        "CONTEXTE",
        "CONTEXTO",
        "CONTESTO",
        "KONTEXT",
        "КОНТЕКСТ",
        "上下文",
        "내용",
        "文脈",
        "კონტექსტი",
        "BACKTRACE",
        "СТЕК",
        "ВІДСТЕЖУВАТИ",
    ],
    &["LOCATION"],
    &[
        "STATEMENT",
        "ANWEISUNG",
        "INSTRUCTION",
        "SENTENCIA",
        "ISTRUZIONE",
        "COMANDO",
        "SATS",
        "ОПЕРАТОР",
        "ІНСТРУКЦІЯ",
        "语句",
        "구문",
        "文",
        "ოპერატორი",
    ],
];

/// The English name of a printed severity.
pub(super) fn severity(word: &[u8]) -> Option<&'static [u8]> {
    // Nearly every record.
    if word == b"LOG" {
        return Some(b"LOG");
    }
    let known = SEVERITIES.iter().find(|names| names.iter().any(|name| name.as_bytes() == word))?;
    known.first().map(|name| name.as_bytes())
}

/// Beginnings of `duration: MS ms`.
const DURATION: [&str; 15] = [
    "Dauer: ",
    "durée : ",
    "duración: ",
    "durata: ",
    "duração: ",
    "varaktighet: ",
    "varaktighet ",
    "продолжительность: ",
    "тривалість: ",
    "期間: ",
    "执行时间: ",
    "실행시간: ",
    "süre: ",
    "czas trwania: ",
    "ხანგრძლივობა: ",
];
/// Beginnings of `statement: SQL`.
const STATEMENT: [&str; 12] = [
    "Anweisung",
    "instruction",
    "sentencia",
    "istruzione",
    "comando",
    "sats",
    "оператор",
    "文",
    "语句",
    "명령 구문",
    "ifade",
    "გამოსახულება",
];
/// What stands between the process and the lock in `still waiting for` (true) and `acquired` (false).
const WAITS: [(&str, bool); 16] = [
    (" wartet immer noch auf ", true),
    (" erlangte ", false),
    (" est toujours en attente de ", true),
    (" a acquis ", false),
    (" aún espera ", true),
    (" adquirió ", false),
    (" è ancora un attesa di ", true),
    (" ha acquisito ", false),
    (" ainda espera por ", true),
    (" obteve ", false),
    (" väntar fortfarande på ", true),
    (" fick ", false),
    (" продолжает ожидать в режиме ", true),
    (" получил в режиме ", false),
    (" все ще чекає в режимі ", true),
    (" отримав в режимі ", false),
];
/// Texts of SQLSTATE 57014 that say a timeout, not a user.
const STATEMENT_TIMEOUT: [&str; 8] = [
    "Zeitüberschreitung",
    "délai",
    "tiempo de espera",
    "a causa di timeout",
    "tempo de espera",
    "тайм-аут",
    "タイムアウト",
    "超时",
];
/// Texts that need no SQLSTATE, since `LOG` and `FATAL` without `%e` are the usual case.
const TEXTS: [(&str, PostgresEvent); 22] = [
    ("unerwartetes EOF auf Client-Verbindung", PostgresEvent::UnexpectedEof),
    ("fin de fichier (EOF) inattendue de la connexion du client", PostgresEvent::UnexpectedEof),
    ("se encontró fin de archivo inesperado en una conexión", PostgresEvent::UnexpectedEof),
    ("fine-file inaspettato sulla connessione del client", PostgresEvent::UnexpectedEof),
    ("неожиданный обрыв соединения с клиентом", PostgresEvent::UnexpectedEof),
    ("Verbindung zum Client wurde verloren", PostgresEvent::ClientLost),
    ("connexion au client perdue", PostgresEvent::ClientLost),
    ("se ha perdido la conexión al cliente", PostgresEvent::ClientLost),
    ("connessione al client persa", PostgresEvent::ClientLost),
    ("подключение к клиенту потеряно", PostgresEvent::ClientLost),
    ("Datenbanksystem ist bereit, um Verbindungen", PostgresEvent::Ready),
    ("le système de bases de données est prêt", PostgresEvent::Ready),
    ("el sistema de bases de datos está listo para aceptar", PostgresEvent::Ready),
    ("il database è pronto ad accettare connessioni", PostgresEvent::Ready),
    ("система БД готова принимать подключения", PostgresEvent::Ready),
    ("tut mir leid, schon zu viele Verbindungen", PostgresEvent::TooManyClients),
    ("désolé, trop de clients sont déjà connectés", PostgresEvent::TooManyClients),
    ("lo siento, ya tenemos demasiados clientes", PostgresEvent::TooManyClients),
    ("spiacente, troppi client già connessi", PostgresEvent::TooManyClients),
    ("извините, уже слишком много клиентов", PostgresEvent::TooManyClients),
    ("Verklemmung (Deadlock) entdeckt", PostgresEvent::Deadlock),
    ("interblocage (deadlock) détecté", PostgresEvent::Deadlock),
];

/// What a primary message in another language says. `sql_state` is empty where it is not logged.
pub(super) fn primary(message: &[u8], sql_state: &[u8]) -> Option<PostgresEvent> {
    by_state(message, sql_state).or_else(|| duration(message)).or_else(|| wait(message)).or_else(|| {
        let found = TEXTS.iter().find(|(text, _)| message.starts_with(text.as_bytes()));
        found.map(|(_, event)| event.clone())
    })
}

/// By the SQLSTATE alone (`src/backend/utils/errcodes.txt`).
fn by_state(message: &[u8], sql_state: &[u8]) -> Option<PostgresEvent> {
    Some(match sql_state {
        b"57014" => {
            let timeout = STATEMENT_TIMEOUT.iter().any(|text| has(message, text));
            PostgresEvent::Canceled(if timeout {
                Cancellation::StatementTimeout
            } else {
                Cancellation::UserRequest
            })
        }
        b"55P03" => PostgresEvent::LockNotAvailable,
        b"40001" => PostgresEvent::SerializationFailure,
        b"40P01" => PostgresEvent::Deadlock,
        b"53300" => PostgresEvent::TooManyClients,
        b"57P01" => PostgresEvent::Terminated(Termination::AdministratorCommand),
        b"57P02" => PostgresEvent::Terminated(Termination::CrashOfAnotherProcess),
        b"57P03" => PostgresEvent::Recovery,
        b"57P05" => PostgresEvent::Terminated(Termination::IdleSessionTimeout),
        b"25P03" => PostgresEvent::Terminated(Termination::IdleInTransactionTimeout),
        b"25P04" => PostgresEvent::Terminated(Termination::TransactionTimeout),
        _ => return None,
    })
}

fn has(message: &[u8], text: &str) -> bool {
    memmem::find(message, text.as_bytes()).is_some()
}

/// `Dauer: MS ms  Anweisung: SQL`, `durée : MS ms, instruction : SQL`.
fn duration(message: &[u8]) -> Option<PostgresEvent> {
    let rest = DURATION.iter().find_map(|word| message.strip_prefix(word.as_bytes()))?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(rest.get(..length)?)?;
    let (fraction, used, _) = fraction_us(rest.get(length..)?);
    let body = rest.get(length + used..)?;
    // The SQL begins behind the first colon: names of prepared statements have none.
    let sql = memchr(b':', body.get(..body.len().min(300))?)
        .and_then(|at| body.get(at + 1..))
        .map_or(b"".as_slice(), <[u8]>::trim_ascii_start);
    let kind = body.get(..body.len().saturating_sub(sql.len()))?;
    let statement = STATEMENT.iter().any(|word| has(kind, word));
    let phase_only = !statement && (has(kind, " parse ") || has(kind, " bind "));
    Some(PostgresEvent::Duration {
        duration_us: whole.checked_mul(1000)?.checked_add(fraction / 1000)?,
        query_start: message.len().saturating_sub(sql.len()),
        phase_only,
        plan: false,
    })
}

/// `Prozess P wartet immer noch auf MODE-Sperre auf OBJECT nach MS ms`.
fn wait(message: &[u8]) -> Option<PostgresEvent> {
    let head = message.get(..message.len().min(400))?;
    let (words, still) = WAITS.iter().find(|(words, _)| has(head, words))?;
    let at = memmem::find(head, words.as_bytes())?;
    let before = head.get(..at)?;
    let pid = u32::try_from(digits(before.get(memrchr(b' ', before)? + 1..)?)?).ok()?;
    let ms = memmem::rfind(head, b" ms").or_else(|| memmem::rfind(head, " мс".as_bytes()))?;
    let before = head.get(..ms)?;
    let number = before.get(memrchr(b' ', before)? + 1..)?;
    let whole = number.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, used, _) = fraction_us(number.get(whole..)?);
    if whole + used != number.len() {
        return None;
    }
    let waited_us = digits(number.get(..whole)?)?.checked_mul(SECOND_US)?.checked_add(fraction)? / 1000;
    Some(if *still {
        PostgresEvent::StillWaiting { pid, waited_us }
    } else {
        PostgresEvent::Acquired { pid, waited_us }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, english) in [
            ("FEHLER", "ERROR"),
            ("ERREUR", "ERROR"),
            ("DÉTAIL", "DETAIL"),
            ("ANFRAGE", "QUERY"),
            ("DEBUG3", "DEBUG"),
            ("СООБЩЕНИЕ", "LOG"),
            ("日志", "LOG"),
            ("INSTRUCTION", "STATEMENT"),
        ] {
            assert_eq!(severity(word.as_bytes()), Some(english.as_bytes()));
        }
        assert_eq!(severity(b"HTTP"), None);
        assert_eq!(severity(b""), None);
    }

    #[test]
    fn messages() {
        use PostgresEvent as E;
        let cases = [
            ("Dauer: 37.598 ms  Anweisung: SELECT 1", "00000", 37_598),
            ("durée : 4120.001 ms, instruction : SELECT 1", "", 4_120_001),
            ("duración: 12.5 ms  ejecutar <unnamed>: SELECT 1", "", 12_500),
            ("продолжительность: 3.001 мс, оператор: SELECT 1", "", 3001),
        ];
        for (text, state, duration_us) in cases {
            let query_start = text.find("SELECT 1").unwrap();
            let expected = E::Duration { duration_us, query_start, phase_only: false, plan: false };
            assert_eq!(primary(text.as_bytes(), state.as_bytes()), Some(expected), "{text}");
            for length in 0..text.len() {
                let _ = primary(&text.as_bytes()[..length], b"");
            }
        }
        for (text, state, expected) in [
            (
                "Prozess 12 wartet immer noch auf ShareLock-Sperre auf Transaktion 5 nach 1000,123 ms",
                "00000",
                E::StillWaiting { pid: 12, waited_us: 1_000_123 },
            ),
            (
                "le processus 7 a acquis ShareLock sur transaction 5 après 31200.500 ms",
                "",
                E::Acquired { pid: 7, waited_us: 31_200_500 },
            ),
            (
                "storniere Anfrage wegen Zeitüberschreitung der Anfrage",
                "57014",
                E::Canceled(Cancellation::StatementTimeout),
            ),
            (
                "annulation de la requête à la demande de l'utilisateur",
                "57014",
                E::Canceled(Cancellation::UserRequest),
            ),
            ("désolé, trop de clients sont déjà connectés", "", E::TooManyClients),
            ("anything at all", "40001", E::SerializationFailure),
        ] {
            assert_eq!(primary(text.as_bytes(), state.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(primary(b"doppelter Schl\xc3\xbcsselwert", b"23505"), None);
        assert_eq!(primary(b"", b""), None);
    }
}
