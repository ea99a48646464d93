"""English."""

from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.words import AccountWords, ConsentWords, ErrorWords, SignInWords, Words

ENGLISH = Words(
    lang="en",
    direction="ltr",
    product="Tallystick",
    page_title="{page} · {title}",
    unnamed_client="An application without a name",
    request_id="Request ID",
    date="{day} {month} {year}",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    sign_in=SignInWords(
        title="Sign in",
        title_failed="Error: Sign in",
        heading="Sign in",
        asks="{client} wants to use your account. Sign in to see what it asks for.",
        own_account="Sign in to see which applications have access to your account.",
        failed="The username or the password is wrong. Check both and try again.",
        throttled="There were too many attempts to sign in. Try again in {minutes} min.",
        signed_out="You are signed out.",
        username="Username",
        password="Password",  # noqa: S106 - the label of a field
        submit="Sign in",
    ),
    consent=ConsentWords(
        title="Access for {client}",
        heading="{client} asks for access to your account",
        version="Version {version}",
        signed_in_as="Signed in as",
        returns_to="Returns to",
        this_device="an application on this device",
        scopes="What it asks for",
        scopes_hint="Untick what you do not want to allow.",
        offline="It may keep this access while you are away.",
        on_this_device="Approve only if you started this yourself, in an application on this device.",
        next_site="You will return to {destination}, whatever you choose.",
        next_device="You will return to the application, whatever you choose.",
        withdraw="To withdraw access later, go to {account}.",
        account="your account",
        approve="Approve",
        deny="Deny",
    ),
    account=AccountWords(
        title="Your account",
        title_withdrawn="Access withdrawn",
        heading="Your account",
        signed_in_as="Signed in as",
        sign_out="Sign out",
        withdrawn="{client} no longer has access to your account.",
        applications="Applications with access",
        explanation="You can withdraw access at any time. The application will have to ask you again.",
        nobody="No application has access",
        nobody_explanation="When you allow an application to use your account, it appears here.",
        version="Version {version}",
        returns_to="Returns to",
        this_device="an application on this device",
        since="Since",
        last_used="Last used",
        not_in_use="Not in use at the moment",
        allowed="Allowed",
        withdraw="Withdraw access",
        withdraw_from="Withdraw access from {client}",
    ),
    errors={
        ErrorKind.UNTRUSTED_REQUEST: ErrorWords(
            heading="We cannot trust this request",
            explanation=(
                "The application that sent you here is not known to us, or it wants the answer at an address that is "
                "not known to be its own. To be safe, we have not sent you on and have told it nothing."
            ),
            advice=(
                "Close this page if you did not expect it. Otherwise go back to the application and start again; if "
                "that does not help, tell the people who run it."
            ),
        ),
        ErrorKind.EXPIRED: ErrorWords(
            heading="This page has expired",
            explanation="It was answered already, or it was left open for too long.",
            advice="Go back to the application and start again.",
        ),
        ErrorKind.OTHER_BROWSER: ErrorWords(
            heading="This page belongs to another browser",
            explanation="What was started in one browser can be finished only there, so nobody else can do it for you.",
            advice="Go on in the browser where you started, or go back to the application and start again in this one.",
        ),
        ErrorKind.FORM_REFUSED: ErrorWords(
            heading="We could not accept this form",
            explanation=(
                "It was open for too long, it did not come from our own page, or this browser does not keep our "
                "cookies. Nothing was changed."
            ),
            advice="Allow cookies for this site, then go back to where you started and try again.",
        ),
        ErrorKind.INSECURE: ErrorWords(
            heading="This connection is not secure",
            explanation="What you send over it could be read by others on the way, so we have looked at none of it.",
            advice=(
                "Check that the address begins with https://. If it does, tell the people who run this service, with "
                "the request ID."
            ),
        ),
        ErrorKind.NOT_FOUND: ErrorWords(
            heading="There is no page here",
            explanation="The address is incomplete or mistyped, or the page has moved.",
            advice="Check the address, or go back to the application that you came from.",
        ),
        ErrorKind.TOO_LARGE: ErrorWords(
            heading="This request is too large",
            explanation="The application or form sent more than we accept.",
            advice="Go back to the application and start again; if that does not help, tell the people who run it.",
        ),
        ErrorKind.UNAVAILABLE: ErrorWords(
            heading="We cannot answer right now",
            explanation="A part of this service is out of reach for the moment. Nothing was approved or changed.",
            advice="Wait a few seconds, then try again.",
        ),
        ErrorKind.INTERNAL: ErrorWords(
            heading="Something went wrong on our side",
            explanation="The fault is ours, not yours, and it has been recorded.",
            advice="Try again; if that does not help, tell the people who run this service, with the request ID.",
        ),
    },
)
