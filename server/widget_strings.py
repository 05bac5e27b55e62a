"""The words of the widget's interface in the languages that it speaks, and the choice among them."""

from typing import Literal

from msgspec import Struct


class Words(Struct, frozen=True):
    """Every text of the interface; `#` stands for minutes in `wait`, and for a name in `joined`."""

    open: str
    close: str
    write: str
    send: str
    failed: str
    ended: str
    wait: str
    person: str
    joined: str
    taken: str
    name: str
    contact: str
    book: str


class Language(Struct, frozen=True):
    """The interface in one language; `locale` is the tag for dates."""

    locale: str
    direction: Literal["ltr", "rtl"]
    words: Words


# One text a language, in the order of the fields of `Words`.
_TEXTS = {
    "ar": "تحدث معنا|إغلاق|اكتب رسالة|إرسال|لم يتم الإرسال. حاول مرة أخرى|انتهت هذه المحادثة"
    "|في قائمة الانتظار، حوالي # دقيقة|سيرد عليك شخص قريبًا|# هنا|لم يعد متاحًا. اختر وقتًا آخر"
    "|اسمك|البريد الإلكتروني أو الهاتف|احجز",
    "cs": "Napište nám|Zavřít|Napište zprávu|Odeslat|Neodesláno. Zkusit znovu|Tento chat skončil"
    "|Ve frontě, asi # min|Brzy vám odpoví člověk|# je tady|Už není volno. Vyberte jiný čas"
    "|Vaše jméno|E-mail nebo telefon|Rezervovat",
    "da": "Chat med os|Luk|Skriv en besked|Send|Ikke sendt. Prøv igen|Denne chat er afsluttet"
    "|I køen, ca. # min.|Et menneske svarer snart|# er her|Ikke længere ledig. Vælg et andet tidspunkt"
    "|Dit navn|E-mail eller telefon|Book",
    "de": "Chat öffnen|Schließen|Nachricht schreiben|Senden|Nicht gesendet. Erneut versuchen"
    "|Dieser Chat ist beendet|In der Warteschlange, etwa # Min.|Gleich antwortet ein Mensch|# ist da"
    "|Nicht mehr frei. Bitte anderen Termin wählen|Ihr Name|E-Mail oder Telefon|Buchen",
    "en": "Chat with us|Close|Write a message|Send|Not sent. Try again|This chat has ended"
    "|In the queue, about # min|A person will answer soon|# is here"
    "|No longer free. Choose another time|Your name|E-mail or phone|Book",
    "es": "Abrir el chat|Cerrar|Escribe un mensaje|Enviar|No enviado. Reintentar"
    "|Este chat ha terminado|En la cola, unos # min|Pronto responderá una persona|# está aquí"
    "|Ya no está libre. Elige otra hora|Tu nombre|Correo o teléfono|Reservar",
    "fi": "Avaa chat|Sulje|Kirjoita viesti|Lähetä|Ei lähetetty. Yritä uudelleen"
    "|Tämä keskustelu on päättynyt|Jonossa, noin # min|Ihminen vastaa pian|# on täällä"
    "|Ei enää vapaana. Valitse toinen aika|Nimesi|Sähköposti tai puhelin|Varaa",
    "fr": "Ouvrir le chat|Fermer|Écrire un message|Envoyer|Non envoyé. Réessayer"
    "|Ce chat est terminé|Dans la file, environ # min|Une personne va vous répondre|# est là"
    "|Plus disponible. Choisissez un autre horaire|Votre nom|E-mail ou téléphone|Réserver",
    "he": "דברו איתנו|סגירה|כתבו הודעה|שליחה|לא נשלח. נסו שוב|הצ'אט הסתיים|בתור, כ-# דק'"
    "|נציג אנושי ישיב בקרוב|# כאן|כבר לא פנוי. בחרו מועד אחר|שמכם|אימייל או טלפון|הזמנה",
    "it": "Apri la chat|Chiudi|Scrivi un messaggio|Invia|Non inviato. Riprova"
    "|Questa chat è terminata|In coda, circa # min|Presto risponderà una persona|# è qui"
    "|Non è più libero. Scegli un altro orario|Il tuo nome|E-mail o telefono|Prenota",
    "ja": "チャットを開く|閉じる|メッセージを入力|送信|送信できませんでした。もう一度試す"
    "|このチャットは終了しました|順番待ち、約#分|まもなく担当者がお答えします|#が参加しました"
    "|空きがなくなりました。別の時間をお選びください|お名前|メールまたは電話番号|予約する",
    "ko": "채팅 열기|닫기|메시지를 입력하세요|보내기|보내지 못했습니다. 다시 시도|채팅이 종료되었습니다"
    "|대기 중, 약 #분|곧 상담원이 답변합니다|#님이 들어왔습니다"
    "|더 이상 비어 있지 않습니다. 다른 시간을 선택하세요|이름|이메일 또는 전화번호|예약",
    "nb": "Chat med oss|Lukk|Skriv en melding|Send|Ikke sendt. Prøv igjen|Denne chatten er avsluttet"
    "|I køen, ca. # min|Et menneske svarer snart|# er her|Ikke lenger ledig. Velg et annet tidspunkt"
    "|Navnet ditt|E-post eller telefon|Bestill",
    "nl": "Chat met ons|Sluiten|Schrijf een bericht|Versturen|Niet verzonden. Probeer opnieuw"
    "|Deze chat is beëindigd|In de wachtrij, ongeveer # min|Er antwoordt zo iemand|# is er"
    "|Niet meer vrij. Kies een ander moment|Je naam|E-mail of telefoon|Boeken",
    "pl": "Otwórz czat|Zamknij|Napisz wiadomość|Wyślij|Nie wysłano. Spróbuj ponownie"
    "|Ten czat się zakończył|W kolejce, około # min|Wkrótce odpowie człowiek|# już tu jest"
    "|Termin jest już zajęty. Wybierz inny|Imię i nazwisko|E-mail lub telefon|Zarezerwuj",
    "pt": "Abrir o chat|Fechar|Escreva uma mensagem|Enviar|Não enviado. Tentar de novo"
    "|Este chat terminou|Na fila, cerca de # min|Uma pessoa vai responder em breve|# está aqui"
    "|Já não está livre. Escolha outro horário|Seu nome|E-mail ou telefone|Reservar",
    "sv": "Chatta med oss|Stäng|Skriv ett meddelande|Skicka|Inte skickat. Försök igen"
    "|Den här chatten är avslutad|I kön, cirka # min|En människa svarar snart|# är här"
    "|Inte längre ledig. Välj en annan tid|Ditt namn|E-post eller telefon|Boka",
    "tr": "Bizimle yazışın|Kapat|Bir mesaj yazın|Gönder|Gönderilmedi. Yeniden dene"
    "|Bu sohbet sona erdi|Sırada, yaklaşık # dk|Birazdan bir kişi yanıtlayacak|# burada"
    "|Artık boş değil. Başka bir saat seçin|Adınız|E-posta veya telefon|Rezerve et",
    "uk": "Написати нам|Закрити|Напишіть повідомлення|Надіслати|Не надіслано. Спробувати ще раз"
    "|Цей чат завершено|У черзі, близько # хв|Незабаром відповість людина|# вже тут"
    "|Уже зайнято. Виберіть інший час|Ваше ім'я|E-mail або телефон|Забронювати",
    "zh": "在线咨询|关闭|输入消息|发送|未发送，请重试|此聊天已结束|排队中，约 # 分钟|稍后将有人工回复"
    "|# 已加入|该时段已被预订，请选择其他时间|您的姓名|邮箱或电话|预订",
}
_OTHER_NAMES = {"iw": "he", "nn": "nb", "no": "nb"}
_RIGHT_TO_LEFT = {"ar", "he"}
_WORDS = {code: Words(*text.split("|")) for code, text in _TEXTS.items()}

LANGUAGES = tuple(_WORDS)
"""Codes of the languages that the interface speaks."""


def language_of(*locales: str | None) -> Language:
    """Return the interface in the first of the locales whose language is there, else in English."""
    for locale in locales:
        tag = (locale or "").replace("_", "-")
        first = tag.split("-")[0].lower()
        code = _OTHER_NAMES.get(first, first)
        if code in _WORDS:
            return Language(tag, "rtl" if code in _RIGHT_TO_LEFT else "ltr", _WORDS[code])
    return Language("en", "ltr", _WORDS["en"])
