"""German, in the formal address."""

from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.words import AccountWords, ConsentWords, ErrorWords, SignInWords, Words

GERMAN = Words(
    lang="de",
    direction="ltr",
    product="Tallystick",
    page_title="{page} · {title}",
    unnamed_client="Eine Anwendung ohne Namen",
    request_id="Anfrage-ID",
    date="{day}. {month} {year}",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    sign_in=SignInWords(
        title="Anmelden",
        title_failed="Fehler: Anmelden",
        heading="Anmelden",
        asks="{client} möchte Ihr Konto nutzen. Melden Sie sich an, um zu sehen, worum es geht.",
        own_account="Melden Sie sich an, um zu sehen, welche Anwendungen Zugriff auf Ihr Konto haben.",
        failed="Benutzername oder Passwort ist falsch. Prüfen Sie beides und versuchen Sie es noch einmal.",
        throttled="Es gab zu viele Anmeldeversuche. Versuchen Sie es in {minutes} min noch einmal.",
        signed_out="Sie sind abgemeldet.",
        username="Benutzername",
        password="Passwort",  # noqa: S106 - the label of a field
        submit="Anmelden",
    ),
    consent=ConsentWords(
        title="Zugriff für {client}",
        heading="{client} bittet um Zugriff auf Ihr Konto",
        version="Version {version}",
        signed_in_as="Angemeldet als",
        returns_to="Führt zurück zu",
        this_device="einer Anwendung auf diesem Gerät",
        scopes="Worum die Anwendung bittet",
        scopes_hint="Wählen Sie ab, was Sie nicht erlauben möchten.",
        offline="Die Anwendung kann diesen Zugriff behalten, während Sie abwesend sind.",
        on_this_device=(
            "Stimmen Sie nur zu, wenn Sie diesen Vorgang selbst begonnen haben, in einer Anwendung auf diesem Gerät."
        ),
        next_site="Wie auch immer Sie sich entscheiden, danach geht es zurück zu {destination}.",
        next_device="Wie auch immer Sie sich entscheiden, danach geht es zurück zur Anwendung.",
        withdraw="Den Zugriff können Sie später unter {account} widerrufen.",
        account="Ihr Konto",
        approve="Zustimmen",
        deny="Ablehnen",
    ),
    account=AccountWords(
        title="Ihr Konto",
        title_withdrawn="Zugriff widerrufen",
        heading="Ihr Konto",
        signed_in_as="Angemeldet als",
        sign_out="Abmelden",
        withdrawn="{client} hat keinen Zugriff mehr auf Ihr Konto.",
        applications="Anwendungen mit Zugriff",
        explanation="Sie können jeden Zugriff jederzeit widerrufen. Die Anwendung muss Sie dann erneut fragen.",
        nobody="Keine Anwendung hat Zugriff",
        nobody_explanation="Wenn Sie einer Anwendung erlauben, Ihr Konto zu nutzen, erscheint sie hier.",
        version="Version {version}",
        returns_to="Führt zurück zu",
        this_device="einer Anwendung auf diesem Gerät",
        since="Seit",
        last_used="Zuletzt genutzt",
        not_in_use="Zurzeit nicht in Gebrauch",
        allowed="Erlaubt",
        withdraw="Zugriff widerrufen",
        withdraw_from="Zugriff widerrufen: {client}",
    ),
    errors={
        ErrorKind.UNTRUSTED_REQUEST: ErrorWords(
            heading="Wir können dieser Anfrage nicht trauen",
            explanation=(
                "Die Anwendung, von der Sie kommen, ist uns nicht bekannt, oder sie wünscht die Antwort an eine "
                "Adresse, von der wir nicht wissen, dass sie ihr gehört. Zur Sicherheit haben wir Sie nicht "
                "weitergeleitet und der Anwendung nichts mitgeteilt."
            ),
            advice=(
                "Schließen Sie diese Seite, wenn Sie sie nicht erwartet haben. Gehen Sie sonst zurück zur Anwendung "
                "und beginnen Sie von vorn; hilft das nicht, wenden Sie sich an deren Betreiber."
            ),
        ),
        ErrorKind.EXPIRED: ErrorWords(
            heading="Diese Seite ist abgelaufen",
            explanation="Sie wurde bereits beantwortet, oder sie war zu lange geöffnet.",
            advice="Gehen Sie zurück zur Anwendung und beginnen Sie von vorn.",
        ),
        ErrorKind.OTHER_BROWSER: ErrorWords(
            heading="Diese Seite gehört zu einem anderen Browser",
            explanation=(
                "Was in einem Browser begonnen wurde, lässt sich nur dort abschließen; so kann es niemand anderes "
                "für Sie tun."
            ),
            advice=(
                "Fahren Sie in dem Browser fort, in dem Sie begonnen haben, oder gehen Sie zurück zur Anwendung und "
                "beginnen Sie in diesem Browser von vorn."
            ),
        ),
        ErrorKind.FORM_REFUSED: ErrorWords(
            heading="Wir konnten dieses Formular nicht annehmen",
            explanation=(
                "Es war zu lange geöffnet, es kam nicht von unserer eigenen Seite, oder dieser Browser behält unsere "
                "Cookies nicht. Es wurde nichts geändert."
            ),
            advice=(
                "Erlauben Sie Cookies für diese Website, gehen Sie dann dorthin zurück, wo Sie begonnen haben, und "
                "versuchen Sie es noch einmal."
            ),
        ),
        ErrorKind.INSECURE: ErrorWords(
            heading="Diese Verbindung ist nicht sicher",
            explanation=(
                "Was Sie darüber senden, könnten andere unterwegs mitlesen. Wir haben deshalb nichts davon angesehen."
            ),
            advice=(
                "Prüfen Sie, ob die Adresse mit https:// beginnt. Wenn ja, melden Sie es denen, die diesen Dienst "
                "betreiben, mit der Anfrage-ID."
            ),
        ),
        ErrorKind.NOT_FOUND: ErrorWords(
            heading="Hier gibt es keine Seite",
            explanation="Die Adresse ist unvollständig oder enthält einen Tippfehler, oder die Seite ist umgezogen.",
            advice="Prüfen Sie die Adresse, oder gehen Sie zurück zu der Anwendung, von der Sie kommen.",
        ),
        ErrorKind.TOO_LARGE: ErrorWords(
            heading="Diese Anfrage ist zu groß",
            explanation="Die Anwendung oder das Formular hat mehr gesendet, als wir annehmen.",
            advice=(
                "Gehen Sie zurück zur Anwendung und beginnen Sie von vorn; hilft das nicht, wenden Sie sich an deren "
                "Betreiber."
            ),
        ),
        ErrorKind.UNAVAILABLE: ErrorWords(
            heading="Wir können gerade nicht antworten",
            explanation=(
                "Ein Teil dieses Dienstes ist im Moment nicht erreichbar. Es wurde nichts genehmigt oder geändert."
            ),
            advice="Warten Sie ein paar Sekunden und versuchen Sie es dann noch einmal.",
        ),
        ErrorKind.INTERNAL: ErrorWords(
            heading="Bei uns ist etwas schiefgegangen",
            explanation="Der Fehler liegt bei uns, nicht bei Ihnen, und wurde aufgezeichnet.",
            advice=(
                "Versuchen Sie es noch einmal; hilft das nicht, wenden Sie sich mit der Anfrage-ID an die Betreiber "
                "dieses Dienstes."
            ),
        ),
    },
)
